#include "appliance/config/values.h"

#include <charconv>
#include <limits>
#include <utility>

#include "appliance/config/text_maker.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/escape.h"
#include "policy/lists/list_text.h"

namespace postern::config {

namespace {

using expand::ConfigText;
using smtp::CharClass;
using smtp::equal_ignoring_case;

std::string shown(std::string_view text) { return "\"" + printable(text, 64) + "\""; }

std::optional<std::int64_t> refuse(std::string& why, std::string message) {
  why = std::move(message);
  return std::nullopt;
}

std::optional<std::int64_t> too_large(std::string& why, std::string_view text) {
  return refuse(why, shown(text) + " is too large a number");
}

std::int64_t seconds_in(char unit) noexcept {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 60 * 60;
    case 'd': return 24 * 60 * 60;
    case 'w': return 7 * 24 * 60 * 60;
    default: return 0;
  }
}

int size_unit(char c) noexcept {
  switch (smtp::lower(c)) {
    case 'k': return 10;
    case 'm': return 20;
    case 'g': return 30;
    default: return 0;
  }
}

// What is wrong with the quotes, or the place behind the closing one in `end`.
std::string read_quoted(const ConfigText& text, TextMaker& made, std::size_t& end) {
  const std::string_view view = text.view();
  std::size_t at = 1;
  while (at < view.size() && view[at] != '"') {
    if (view[at] == '\\') {
      const expand::Escape escape = expand::read_escape(view.substr(at));
      made.add_at({&escape.byte, 1}, text, at);
      at += escape.length;
      continue;
    }
    std::size_t next = at;
    while (next < view.size() && view[next] != '"' && view[next] != '\\') ++next;
    made.add(text, at, next - at);
    at = next;
  }
  if (at >= view.size()) return "the closing double quote is missing";
  end = at + 1;
  return {};
}

}  // namespace

std::optional<bool> read_bool(std::string_view text, std::string& why) {
  if (equal_ignoring_case(text, "yes") || equal_ignoring_case(text, "true")) return true;
  if (equal_ignoring_case(text, "no") || equal_ignoring_case(text, "false")) return false;
  why = shown(text) + " is not yes, no, true or false";
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(std::string_view text, std::string& why) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') base = smtp::lower(digits[1]) == 'x' ? 16 : 8;
  if (base == 16) digits.remove_prefix(2);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error == std::errc::result_out_of_range) return too_large(why, text);
  if (error != std::errc() || digits.starts_with('-')) return refuse(why, "a number is expected, not " + shown(text));
  std::string_view rest(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
  if (!rest.empty() && size_unit(rest.front()) != 0) {
    if (__builtin_mul_overflow(value, std::int64_t{1} << size_unit(rest.front()), &value)) return too_large(why, text);
    rest.remove_prefix(1);
  }
  if (!rest.empty()) return refuse(why, shown(rest) + " behind the number: only K, M or G may follow it");
  return negative ? -value : value;
}

std::optional<std::uint32_t> read_octal(std::string_view text, std::string& why) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  why = shown(text) + " is not an octal number";
  return std::nullopt;
}

std::optional<std::int64_t> read_fixed(std::string_view text, std::string& why) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  const bool is_whole = error == std::errc() && end == whole.data() + whole.size() && !whole.starts_with('-');
  if (!is_whole || fraction.size() > 3 || !smtp::all_of(CharClass::digit, fraction) || value > 1'000'000'000)
    return refuse(why, shown(text) + " is not a number with up to three digits behind the point");
  std::int64_t thousandths = 0;
  for (std::size_t i = 0; i < 3; ++i) thousandths = thousandths * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  return value * 1000 + thousandths;
}

std::optional<std::int64_t> read_time(std::string_view text, std::string& why) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();  // 68 years
  const std::string expected = shown(text) + " is not a time: write numbers with s, m, h, d or w, as in 1h30m";
  if (text.empty()) return refuse(why, expected);
  std::int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    const std::string_view unit(end, static_cast<std::size_t>(rest.data() + rest.size() - end));
    if (error == std::errc::result_out_of_range) return too_large(why, text);
    if (error != std::errc() || count < 0 || unit.empty() || seconds_in(unit.front()) == 0) return refuse(why, expected);
    if (count > kMax / seconds_in(unit.front())) return too_large(why, text);
    total += count * seconds_in(unit.front());
    if (total > kMax) return too_large(why, text);
    rest = unit.substr(1);
  }
  return total;
}

std::optional<std::vector<std::int64_t>> read_time_list(std::string_view text, std::string& why) {
  std::vector<std::int64_t> times;
  lists::ListReader reader(text);
  for (std::string item; reader.next(item);) {
    const std::optional<std::int64_t> time = read_time(item, why);
    if (!time) return std::nullopt;
    if (!times.empty() && *time <= times.back()) {
      why = "the times do not grow: " + shown(item) + " is not longer than the one before it";
      return std::nullopt;
    }
    times.push_back(*time);
  }
  return times;
}

std::optional<ConfigText> read_string(const ConfigText& text, expand::Diagnostics& diagnostics) {
  if (!text.view().starts_with('"')) return text;
  TextMaker made = TextMaker::like(text);
  std::size_t end = 0;
  const std::string wrong = read_quoted(text, made, end);
  if (!wrong.empty()) {
    diagnostics.error(text.position(), wrong);
    return std::nullopt;
  }
  const std::string_view rest = lists::trim(text.view().substr(end));
  if (!rest.empty()) {
    diagnostics.error(text.position(end), shown(rest) + " stands behind the closing double quote");
    return std::nullopt;
  }
  return made.take();
}

}  // namespace postern::config
