// RFC 3492, with the parameters of section 5: one label, without its prefix.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::size_t kPunycodeBytesMax = 512;  // on either side: the work grows with the square

// Appends; false, with `out` as it was, for what is not UTF-8 (not a Punycode label) and for what is too long.
[[nodiscard]] bool append_punycode(std::string& out, std::string_view utf8);
[[nodiscard]] bool append_punycode_decoded(std::string& out, std::string_view label);

}  // namespace postern::expand
