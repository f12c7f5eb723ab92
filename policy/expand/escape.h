// The backslash escapes that quoted option values and expansions share.
#pragma once

#include <cstddef>
#include <string_view>

namespace postern::expand {

struct Escape {
  char byte;
  std::size_t length;  // bytes read, the backslash included; at least 1
};

// `text` begins with a backslash: \n \r \t \b \f \v, \ooo (up to three octal digits), \xhh (up to two hexadecimal ones); any
// other character stands for itself. A backslash at the very end stands for itself.
[[nodiscard]] Escape read_escape(std::string_view text) noexcept;

}  // namespace postern::expand
