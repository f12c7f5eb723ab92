#include "policy/expand/escape.h"

#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

constexpr bool is_octal(char c) noexcept { return c >= '0' && c <= '7'; }

Escape read_octal(std::string_view text) noexcept {
  unsigned value = 0;
  std::size_t at = 1;
  for (; at < text.size() && at < 4 && is_octal(text[at]); ++at) value = value * 8 + static_cast<unsigned>(text[at] - '0');
  return {static_cast<char>(value), at};
}

Escape read_hex(std::string_view text) noexcept {
  unsigned value = 0;
  std::size_t at = 2;
  for (; at < text.size() && at < 4 && smtp::is(smtp::CharClass::hex, text[at]); ++at)
    value = value * 16 + smtp::hex_value(text[at]);
  return {static_cast<char>(value), at};
}

}  // namespace

Escape read_escape(std::string_view text) noexcept {
  if (text.size() < 2) return {'\\', 1};
  if (is_octal(text[1])) return read_octal(text);
  switch (text[1]) {
    case 'b': return {'\b', 2};
    case 'f': return {'\f', 2};
    case 'n': return {'\n', 2};
    case 'r': return {'\r', 2};
    case 't': return {'\t', 2};
    case 'v': return {'\v', 2};
    case 'x': return read_hex(text);
    default: return {text[1], 2};
  }
}

}  // namespace postern::expand
