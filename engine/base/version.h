#pragma once

#include <string_view>

namespace postern::inline base {

// Of this program, as $version_number, the greeting and --version show it.
inline constexpr std::string_view kVersion = "0.1";

}  // namespace postern::inline base
