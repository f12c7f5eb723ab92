// What logs say of a message's header.
#pragma once

#include <string>
#include <string_view>

#include "engine/smtp/envelope.h"
#include "engine/smtp/header_view.h"

namespace postern::ingress {

// What stands in the reject log behind the line of a message that was refused after its text: log_selector rejected_header.
void append_rejected_header(std::string& out, const smtp::Envelope& envelope, std::string_view header);

// The Message-ID of a header, without angle brackets and printable; empty when there is none.
void append_message_id(std::string& out, const smtp::HeaderView& headers);
// The Subject, printable, quotes and backslashes escaped; encoded words as they are. False when there is none.
[[nodiscard]] bool append_subject(std::string& out, const smtp::HeaderView& headers);

}  // namespace postern::ingress
