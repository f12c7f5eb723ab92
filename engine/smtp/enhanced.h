// Enhanced mail system status codes, RFC 3463 section 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/smtp/chars.h"

namespace postern::smtp {

// class "." subject "." detail; the class is 2, 4 or 5. The default is no code.
struct EnhancedCode {
  std::uint8_t status_class = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  [[nodiscard]] constexpr bool is_none() const noexcept { return status_class == 0; }
  friend constexpr bool operator==(const EnhancedCode&, const EnhancedCode&) = default;
};

// A code at the start of a reply's text and the bytes it takes there, its blank not counted.
struct EnhancedPrefix {
  EnhancedCode code;
  std::size_t bytes = 0;  // 0 when there is none
};

namespace detail {

// 1*3digit without a sign; leading zeros are let pass.
constexpr std::size_t read_three_digits(std::string_view text, std::uint16_t& value) noexcept {
  const std::size_t digits = run_length(CharClass::digit, text);
  if (digits == 0 || digits > 3) return 0;
  value = 0;
  for (const char c : text.substr(0, digits)) value = static_cast<std::uint16_t>(value * 10 + (c - '0'));
  return digits;
}

}  // namespace detail

// RFC 2034 section 4: the code stands at the start, ends with a blank or the line, and its class is `reply_code`'s first digit.
[[nodiscard]] constexpr EnhancedPrefix parse_enhanced_prefix(std::string_view text, int reply_code) noexcept {
  const bool is_class = !text.empty() && (text[0] == '2' || text[0] == '4' || text[0] == '5');
  if (!is_class || text[0] - '0' != reply_code / 100) return {};
  EnhancedPrefix prefix;
  prefix.code.status_class = static_cast<std::uint8_t>(text[0] - '0');
  std::size_t at = 1;
  for (std::uint16_t* const part : {&prefix.code.subject, &prefix.code.detail}) {
    if (at >= text.size() || text[at] != '.') return {};
    const std::size_t digits = detail::read_three_digits(text.substr(at + 1), *part);
    if (digits == 0) return {};
    at += 1 + digits;
  }
  if (at < text.size() && !is(CharClass::blank, text[at])) return {};
  prefix.bytes = at;
  return prefix;
}

}  // namespace postern::smtp
