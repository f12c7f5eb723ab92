// The character classes of SMTP's grammar, as one table. Bytes above 127 are in none of them but `high`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::smtp {

// Bit set; a byte may be in several classes.
enum class CharClass : std::uint16_t {
  alpha = 1 << 0,        // RFC 5234 appendix B.1
  digit = 1 << 1,        //
  hex = 1 << 2,          // 0-9 A-F a-f
  hyphen = 1 << 3,       // so that let_dig | hyphen is the alphabet of Ldh-str (RFC 5321 section 4.1.2)
  atext = 1 << 4,        // RFC 5322 section 3.2.3
  qtext = 1 << 5,        // qtextSMTP, RFC 5321 section 4.1.2: printable without " and backslash, space included
  xchar = 1 << 6,        // RFC 3461 section 4: printable without + = and space
  esmtp_value = 1 << 7,  // RFC 5321 section 4.1.2: printable without = and space
  blank = 1 << 8,        // space and tab
  control = 1 << 9,      // 0-31 and 127
  high = 1 << 10,        // 128-255
  let_dig = alpha | digit,
  ldh = let_dig | hyphen,
};

namespace detail {

constexpr std::uint16_t bits(CharClass set) noexcept { return static_cast<std::uint16_t>(set); }

constexpr std::uint16_t classes_of(unsigned char c) noexcept {
  constexpr std::string_view kAtextSpecials = "!#$%&'*+-/=?^_`{|}~";
  const bool is_alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  const bool is_digit = c >= '0' && c <= '9';
  const bool is_visible = c > ' ' && c < 127;
  std::uint16_t set = 0;
  const auto add_if = [&set](bool member, CharClass what) { set |= member ? bits(what) : std::uint16_t{0}; };
  add_if(is_alpha, CharClass::alpha);
  add_if(is_digit, CharClass::digit);
  add_if(is_digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'), CharClass::hex);
  add_if(c == '-', CharClass::hyphen);
  add_if(is_alpha || is_digit || kAtextSpecials.find(static_cast<char>(c)) != kAtextSpecials.npos, CharClass::atext);
  add_if((is_visible || c == ' ') && c != '"' && c != '\\', CharClass::qtext);
  add_if(is_visible && c != '+' && c != '=', CharClass::xchar);
  add_if(is_visible && c != '=', CharClass::esmtp_value);
  add_if(c == ' ' || c == '\t', CharClass::blank);
  add_if(c < 32 || c == 127, CharClass::control);
  add_if(c >= 128, CharClass::high);
  return set;
}

constexpr std::array<std::uint16_t, 256> make_class_table() noexcept {
  std::array<std::uint16_t, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = classes_of(static_cast<unsigned char>(c));
  return table;
}

inline constexpr std::array<std::uint16_t, 256> kClassTable = make_class_table();

}  // namespace detail

// True when `c` is in at least one of the classes in `set`.
[[nodiscard]] constexpr bool is(CharClass set, char c) noexcept {
  return (detail::kClassTable[static_cast<unsigned char>(c)] & detail::bits(set)) != 0;
}

[[nodiscard]] constexpr CharClass operator|(CharClass a, CharClass b) noexcept {
  return static_cast<CharClass>(detail::bits(a) | detail::bits(b));
}

// Bytes at the start of `text` that are in `set`.
[[nodiscard]] constexpr std::size_t run_length(CharClass set, std::string_view text) noexcept {
  std::size_t n = 0;
  while (n < text.size() && is(set, text[n])) ++n;
  return n;
}

[[nodiscard]] constexpr bool all_of(CharClass set, std::string_view text) noexcept {
  return run_length(set, text) == text.size();
}

// The value of a hexadecimal digit; the caller has checked that it is one.
[[nodiscard]] constexpr unsigned hex_value(char c) noexcept {
  return c <= '9' ? static_cast<unsigned>(c - '0') : (static_cast<unsigned>(c) | 0x20U) - 'a' + 10U;
}

// ASCII only: bytes above 127 stay as they are, in any locale.
[[nodiscard]] constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
[[nodiscard]] constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

[[nodiscard]] constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

inline void append_lower(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(lower(c));
}

// `text` without the spaces and tabs at its ends.
[[nodiscard]] constexpr std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && is(CharClass::blank, text.front())) text.remove_prefix(1);
  while (!text.empty() && is(CharClass::blank, text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace postern::smtp
