// What main options are when the configuration does not set them, as one would write it.
#pragma once

#include <optional>
#include <string_view>

namespace postern::config {

// Nothing for options that are not built, and for those whose value the host or other options decide (primary_hostname,
// qualify_domain, qualify_recipient).
[[nodiscard]] std::optional<std::string_view> default_of(std::string_view option) noexcept;

}  // namespace postern::config
