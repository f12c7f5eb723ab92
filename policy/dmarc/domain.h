// Domains as DMARC compares them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::dmarc {

// `domain` in A-labels, lower case and without a dot at the end; nothing when that cannot be, or is no name that the DNS could
// hold. Pure.
[[nodiscard]] std::optional<std::string> plain_domain(std::string_view domain);

}  // namespace postern::dmarc
