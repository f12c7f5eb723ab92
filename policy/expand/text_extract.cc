#include "policy/expand/text_extract.h"

#include <algorithm>

#include "engine/smtp/chars.h"
#include "policy/expand/escape.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::uint64_t kFieldMax = 0x7fff'ffff;

void skip_white(std::string_view& text) noexcept {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
}

// A quoted string, or everything up to white space.
void take_value(std::string_view& text, std::string& value) {
  value.clear();
  if (!text.starts_with('"')) {
    while (!text.empty() && !is_white(text.front())) {
      value.push_back(text.front());
      text.remove_prefix(1);
    }
    return;
  }
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    const Escape escape = text.front() == '\\' ? read_escape(text) : Escape{text.front(), 1};
    value.push_back(escape.byte);
    text.remove_prefix(escape.length);
  }
  if (!text.empty()) text.remove_prefix(1);
}

}  // namespace

std::optional<std::int64_t> read_field_number(std::string_view key) noexcept {
  key = trim_white(key);
  const bool negative = key.starts_with('-');
  const std::optional<std::uint64_t> value = read_digits(key.substr(negative ? 1 : 0));
  if (!value) return std::nullopt;
  const auto number = static_cast<std::int64_t>(std::min(*value, kFieldMax));
  return negative ? -number : number;
}

bool extract_key(std::string_view key, std::string_view text, std::string& value) {
  for (skip_white(text); !text.empty(); skip_white(text)) {
    std::size_t length = 0;
    while (length < text.size() && text[length] != '=' && !is_white(text[length])) ++length;
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    skip_white(text);
    if (text.starts_with('=')) text.remove_prefix(1);
    skip_white(text);
    take_value(text, value);
    if (smtp::equal_ignoring_case(name, key)) return true;
  }
  value.clear();
  return false;
}

bool extract_field(std::int64_t number, std::string_view separators, std::string_view text, std::string_view& field) {
  field = text;
  if (number == 0) return true;
  const auto is_end = [separators](char c) { return separators.find(c) != separators.npos; };
  if (number < 0) number += std::ranges::count_if(text, is_end) + 2;
  for (std::int64_t i = 1; number >= i; ++i) {
    const auto length = static_cast<std::size_t>(std::ranges::find_if(text, is_end) - text.begin());
    field = text.substr(0, length);
    if (i == number) return true;
    if (length == text.size()) break;
    text.remove_prefix(length + 1);
  }
  field = {};
  return false;
}

}  // namespace postern::expand
