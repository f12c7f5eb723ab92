// Names of IMAP folders, as a Maildir store has them on its disk: modified UTF-7 (RFC 3501 section 5.1.3).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "policy/expand/text_items.h"

namespace postern::expand {

// {folder}, {folder}{separator}, {folder}{separator}{characters}: the separator becomes a dot; of what is ASCII the characters
// are encoded, too. A dot or slash that is neither is an error.
ItemOutcome item_imapfolder(std::span<const std::string_view> arguments, std::string& result, std::string& why);

}  // namespace postern::expand
