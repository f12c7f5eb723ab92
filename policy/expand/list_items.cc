#include "policy/expand/list_items.h"

namespace postern::expand {

namespace {

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_graph(char c) noexcept { return c > ' ' && c < 127; }
constexpr bool is_alnum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

ListItems::ListItems(std::string_view list) noexcept : list_(list) {
  while (at_ < list_.size() && is_space(list_[at_])) ++at_;
  if (at_ + 1 < list_.size() && list_[at_] == '<') {
    const char mark = list_[at_ + 1];
    const bool control = (mark >= 1 && mark < ' ') || mark == 127;
    if (control || (is_graph(mark) && !is_alnum(mark))) {
      separator_ = mark;
      at_ += 2;
      while (at_ < list_.size() && is_space(list_[at_]) && list_[at_] != separator_) ++at_;
    }
  }
}

bool ListItems::next(std::string& item) {
  while (at_ < list_.size() && is_space(list_[at_]) && list_[at_] != separator_) ++at_;
  if (at_ >= list_.size()) return false;
  const std::size_t begin = item.size();
  for (; at_ < list_.size(); ++at_) {
    if (list_[at_] == separator_) {
      ++at_;
      if (at_ >= list_.size() || list_[at_] != separator_) break;
    }
    item.push_back(list_[at_]);
  }
  while (item.size() > begin && is_space(item.back())) item.pop_back();
  return true;
}

void append_item(std::string& out, std::string_view item, char separator, bool is_first) {
  if (!is_first) {
    out.push_back(separator);
    // Two separators side by side would be one character of an item.
    if (item.empty() || item.front() == separator) out.push_back(' ');
  }
  for (const char c : item) {
    out.push_back(c);
    if (c == separator) out.push_back(c);
  }
}

}  // namespace postern::expand
