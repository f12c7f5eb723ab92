#include "policy/lists/list_text.h"

#include "engine/smtp/chars.h"

namespace postern::lists {

namespace {

using smtp::CharClass;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_control(char c) noexcept { return smtp::is(CharClass::control, c); }
constexpr bool is_punctuation(char c) noexcept { return c > ' ' && c < 127 && !smtp::is(CharClass::let_dig, c); }

}  // namespace

ListReader::ListReader(std::string_view list, char separator) noexcept : list_(list), separator_(separator) {
  skip_space();
  if (at_ + 1 < list_.size() && list_[at_] == '<' && (is_punctuation(list_[at_ + 1]) || is_control(list_[at_ + 1]))) {
    separator_ = list_[at_ + 1];
    at_ += 2;
  }
}

void ListReader::skip_space() noexcept {
  while (at_ < list_.size() && is_space(list_[at_]) && list_[at_] != separator_) ++at_;
}

bool ListReader::next(std::string& item) {
  skip_space();
  item.clear();
  offset_ = at_;
  if (at_ >= list_.size()) return false;
  for (;;) {
    const std::size_t end = std::min(list_.find(separator_, at_), list_.size());
    item.append(list_.substr(at_, end - at_));
    at_ = end;
    if (at_ >= list_.size()) break;
    ++at_;
    if (at_ >= list_.size() || list_[at_] != separator_ || is_control(separator_)) break;
    item.push_back(separator_);
    ++at_;
  }
  item.resize(trim(item).empty() ? 0 : static_cast<std::size_t>(trim(item).data() + trim(item).size() - item.data()));
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace postern::lists
