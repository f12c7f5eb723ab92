#include "policy/expand/text_lists.h"

#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr bool is_separator(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < ' ' || byte == 127 || (byte > ' ' && byte < 127 && !smtp::is(smtp::CharClass::let_dig, c));
}

}  // namespace

ListReader::ListReader(std::string_view list) noexcept : rest_(list) {
  while (!rest_.empty() && is_white(rest_.front())) rest_.remove_prefix(1);
  if (rest_.size() < 2 || rest_.front() != '<' || !is_separator(rest_[1])) return;
  separator_ = rest_[1];
  rest_.remove_prefix(2);
}

bool ListReader::next(std::string& item) {
  item.clear();
  while (!rest_.empty() && is_white(rest_.front()) && rest_.front() != separator_) rest_.remove_prefix(1);
  if (rest_.empty()) return false;
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == separator_) {
      if (!rest_.starts_with(separator_)) break;
      rest_.remove_prefix(1);
    }
    item.push_back(c);
  }
  while (!item.empty() && is_white(item.back())) item.pop_back();
  return true;
}

std::size_t list_count(std::string_view list) {
  std::string item;
  std::size_t count = 0;
  for (ListReader reader(list); reader.next(item);) ++count;
  return count;
}

bool list_item(std::string_view list, std::int64_t number, std::string& item) {
  if (number < 0) number += static_cast<std::int64_t>(list_count(list)) + 1;
  ListReader reader(list);
  for (std::int64_t i = 1; number > 0 && reader.next(item); ++i)
    if (i == number) return true;
  item.clear();
  return false;
}

bool listcount(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::size_t count = list_count(operand_view(out, from));
  out.resize(from);
  append_number(out, count);
  return true;
}

}  // namespace postern::expand
