#include "policy/expand/text_time.h"

#include <array>
#include <cstdint>
#include <optional>

#include "engine/base/peer_text.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

struct Unit {
  char name;
  std::uint64_t seconds;
};
constexpr auto kUnits = std::to_array<Unit>({{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}});
constexpr std::uint64_t kSecondsMax = 0x7fff'ffff;

std::uint64_t seconds_of(char unit) noexcept {
  for (const Unit& row : kUnits)
    if (row.name == unit) return row.seconds;
  return 0;
}

std::optional<std::uint64_t> read_interval(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const std::size_t digits = smtp::run_length(smtp::CharClass::digit, text);
    const std::optional<std::uint64_t> count = read_digits(text.substr(0, digits));
    if (!count || *count > kSecondsMax || digits == text.size() || seconds_of(text[digits]) == 0) return std::nullopt;
    total += *count * seconds_of(text[digits]);
    if (total > kSecondsMax) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return total;
}

}  // namespace

bool time_eval(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  const std::optional<std::uint64_t> seconds = read_interval(text);
  if (!seconds)
    return refuse(why, "string \"" + printable(text, 64) + "\" is not an Exim time interval in \"time_eval\" operator");
  append_number(out, *seconds);
  return true;
}

bool time_interval(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  std::optional<std::uint64_t> seconds = text.empty() ? std::uint64_t{0} : read_digits(text);
  if (!seconds)
    return refuse(why, "string \"" + printable(text, 64) + "\" is not a positive number in \"time_interval\" operator");
  if (*seconds == 0) out.append("0s");
  for (const Unit& unit : kUnits) {
    if (*seconds < unit.seconds) continue;
    append_number(out, *seconds / unit.seconds);
    out.push_back(unit.name);
    *seconds %= unit.seconds;
  }
  return true;
}

}  // namespace postern::expand
