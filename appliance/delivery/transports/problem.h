// Problems from what they are made of: errors of this machine, and what a peer said or failed to say.
#pragma once

#include <string>
#include <string_view>

#include "appliance/config/retry_rules.h"
#include "appliance/delivery/transports/outcome.h"
#include "engine/base/error.h"
#include "engine/smtp/client.h"

namespace postern::delivery {

// Of this machine; temporary. "maildir /var/mail/x: open: Permission denied".
[[nodiscard]] Problem local_problem(const Error& error, std::string_view doing);
// A setting cannot be used for this message; temporary. `why` is printable.
[[nodiscard]] Problem configuration_problem(std::string why);
// No connection to `host`, which may be a socket.
[[nodiscard]] Problem connect_problem(const Error& error, const HostSeen& host);
// What the SMTP client met. A connection lost behind the end of the text is data_lost when `in_doubt`.
[[nodiscard]] Problem smtp_problem(const smtp::ClientFailure& failure, const HostSeen& host, bool in_doubt);

// The number in "defer (-44)" of a log line: the kernel's, or one of Exim's own.
[[nodiscard]] int defer_number(const Problem& problem) noexcept;
// What retry rules are asked about.
[[nodiscard]] config::TroubleFacts trouble_of(const Problem& problem) noexcept;

}  // namespace postern::delivery
