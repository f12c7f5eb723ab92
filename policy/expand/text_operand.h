// What the operators share: their operand at the end of the output, and numbers in their arguments.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "engine/smtp/chars.h"

namespace postern::expand {

// Takes the operand off the output.
[[nodiscard]] inline std::string take_operand(std::string& out, std::size_t from) {
  std::string operand = out.substr(from);
  out.resize(from);
  return operand;
}

[[nodiscard]] inline std::string_view operand_view(const std::string& out, std::size_t from) noexcept {
  return std::string_view(out).substr(from);
}

template <std::integral Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// Digits only, at least one; nothing otherwise. Too large a number is the largest.
[[nodiscard]] constexpr std::optional<std::uint64_t> read_digits(std::string_view text) noexcept {
  if (text.empty() || !smtp::all_of(smtp::CharClass::digit, text)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) {
      return std::numeric_limits<std::uint64_t>::max();
    }
  }
  return value;
}

[[nodiscard]] constexpr bool is_white(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

[[nodiscard]] constexpr std::string_view trim_white(std::string_view text) noexcept {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

inline bool refuse(std::string& why, std::string reason) {
  why = std::move(reason);
  return false;
}

}  // namespace postern::expand
