#include "policy/expand/text_digits.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/base/peer_text.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kBase62Digits = 6;

bool refuse_argument(std::string& why, std::string_view name, std::string_view operand, std::string_view what) {
  why = "argument for ";
  why.append(name).append(" operator is \"").append(printable(operand, 64)).append("\", which is not a ").append(what);
  return false;
}

// The decimal number in the operand; empty means 0.
std::optional<std::uint64_t> take_decimal(std::string& out, std::size_t from, std::string_view name, std::string& why) {
  const std::string operand = take_operand(out, from);
  const std::string_view digits = trim_white(operand);
  if (digits.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  refuse_argument(why, name, operand, "decimal number");
  return std::nullopt;
}

bool decode(std::string& out, std::size_t from, std::string_view alphabet, std::string_view name, std::string_view what,
            std::string& why) {
  const std::string operand = take_operand(out, from);
  std::uint64_t value = 0;
  for (const char c : operand) {
    const std::size_t digit = alphabet.find(c);
    if (digit == alphabet.npos || __builtin_mul_overflow(value, alphabet.size(), &value) ||
        __builtin_add_overflow(value, digit, &value)) {
      return refuse_argument(why, name, operand, what);
    }
  }
  append_number(out, value);
  return true;
}

}  // namespace

bool base32(std::string& out, std::size_t from, std::string_view, std::string& why) {
  std::optional<std::uint64_t> value = take_decimal(out, from, "base32", why);
  if (!value) return false;
  for (; *value != 0; *value /= 32) out.push_back(kBase32[*value % 32]);
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(from), out.end());
  return true;
}

bool base32d(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return decode(out, from, kBase32, "base32d", "base 32 number", why);
}

bool base62(std::string& out, std::size_t from, std::string_view, std::string& why) {
  std::optional<std::uint64_t> value = take_decimal(out, from, "base62", why);
  if (!value) return false;
  out.resize(from + kBase62Digits);
  for (std::size_t i = from + kBase62Digits; i-- > from; *value /= 62) out[i] = kBase62[*value % 62];
  return true;
}

bool base62d(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return decode(out, from, kBase62, "base62d", "base 62 number", why);
}

}  // namespace postern::expand
