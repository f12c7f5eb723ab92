#include "policy/expand/text_substring.h"

#include <algorithm>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

std::optional<std::int64_t> read_number(std::string_view digits, bool may_be_empty) noexcept {
  if (digits.empty() && may_be_empty) return 0;
  const std::optional<std::uint64_t> value = read_digits(digits);
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(*value, kNumberMax));
}

}  // namespace

std::optional<Numbers> read_operator_numbers(std::string_view arguments, std::string_view name, bool two, bool negative,
                                             std::string& why) {
  if (arguments.empty()) {
    why = std::string("Not enough arguments for '").append(name).append("' (min is 2)");
    return std::nullopt;
  }
  const bool is_negative = negative && arguments.starts_with('-');
  std::string_view rest = arguments.substr(is_negative ? 1 : 0);
  const std::string_view first = rest.substr(0, rest.find('_'));
  rest.remove_prefix(first.size());
  std::optional<std::int64_t> number = read_number(first, true);
  std::optional<std::int64_t> second;
  if (number && two && !rest.empty()) {
    second = read_number(rest.substr(1), false);
    if (!second) number.reset();
    rest = {};
  }
  if (number && rest.empty()) return Numbers{is_negative ? -*number : *number, second};
  why = "non-digit after underscore in \"";
  why.append(name).append("_").append(printable(arguments, 64)).append("\"");
  return std::nullopt;
}

std::string_view substring(std::string_view text, std::int64_t start, std::optional<std::int64_t> count) noexcept {
  const auto size = static_cast<std::int64_t>(text.size());
  if (start >= 0)
    return text.substr(static_cast<std::size_t>(std::min(start, size)), static_cast<std::size_t>(count.value_or(size)));
  if (!count) return text.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(size + start, 0)));
  const std::int64_t begin = std::max<std::int64_t>(size + start, 0);
  const std::int64_t overshoot = begin - (size + start);
  return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::max<std::int64_t>(*count - overshoot, 0)));
}

void append_wrapped_header(std::string& out, std::string_view text, std::size_t columns, std::size_t limit) {
  constexpr std::size_t kTab = 8;
  const std::size_t end = out.size() + limit;
  for (std::size_t room = std::max<std::size_t>(columns, 1); out.size() < end; room = columns > kTab ? columns - kTab : 1) {
    std::size_t line = text.size();
    std::size_t next = text.size();
    if (text.size() > room) {
      const std::size_t space = text.rfind(' ', room);
      line = space == text.npos || space == 0 ? room : space;
      while (line > 0 && text[line - 1] == ' ') --line;
      if (line == 0) line = room;
      next = std::min(text.find_first_not_of(' ', line), text.size());
    }
    out.append(text.substr(0, line));
    text.remove_prefix(next);
    if (text.empty()) break;
    out.append("\n\t");
  }
  if (out.size() <= end) return;
  out.resize(end);
  while (out.ends_with('\n') || out.ends_with('\t')) out.pop_back();
}

bool length(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  const std::optional<Numbers> numbers = read_operator_numbers(arguments, "length", false, false, why);
  if (!numbers) return false;
  out.resize(std::min(out.size(), from + static_cast<std::size_t>(numbers->first)));
  return true;
}

bool substr(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  const std::optional<Numbers> numbers = read_operator_numbers(arguments, "substr", true, true, why);
  if (!numbers) return false;
  const std::string operand = take_operand(out, from);
  out.append(substring(operand, numbers->first, numbers->second));
  return true;
}

bool headerwrap(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  Numbers numbers{.first = kWrapColumns, .second = {}};
  if (!arguments.empty()) {
    const std::optional<Numbers> given = read_operator_numbers(arguments, "headerwrap", true, false, why);
    if (!given) return false;
    numbers = *given;
  }
  const std::string operand = take_operand(out, from);
  append_wrapped_header(out, operand, static_cast<std::size_t>(numbers.first),
                        static_cast<std::size_t>(numbers.second.value_or(kWrapLimit)));
  return true;
}

bool string_length(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::size_t size = out.size() - from;
  out.resize(from);
  append_number(out, size);
  return true;
}

bool to_lower(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (std::size_t i = from; i < out.size(); ++i) out[i] = smtp::lower(out[i]);
  return true;
}

bool to_upper(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (std::size_t i = from; i < out.size(); ++i) out[i] = smtp::upper(out[i]);
  return true;
}

}  // namespace postern::expand
