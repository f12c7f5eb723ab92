#include "policy/lists/list_text.h"

#include <algorithm>
#include <utility>

#include "engine/smtp/chars.h"

namespace postern::lists {

namespace {

using smtp::CharClass;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_control(char c) noexcept { return smtp::is(CharClass::control, c); }
constexpr bool is_punctuation(char c) noexcept { return c > ' ' && c < 127 && !smtp::is(CharClass::let_dig, c); }

}  // namespace

ListReader::ListReader(std::string_view list, char separator, Piece piece) noexcept
    : list_(list), separator_(separator), is_middle_(piece == Piece::middle), expects_item_(is_middle_) {
  skip_space();
  if (piece != Piece::whole) return;
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
  if (at_ >= list_.size()) return std::exchange(expects_item_, false);
  expects_item_ = false;
  for (;;) {
    const std::size_t end = std::min(list_.find(separator_, at_), list_.size());
    item.append(list_.substr(at_, end - at_));
    at_ = end;
    if (at_ >= list_.size()) break;
    ++at_;
    if (at_ >= list_.size() || list_[at_] != separator_ || is_control(separator_)) {
      expects_item_ = is_middle_;
      break;
    }
    item.push_back(separator_);
    ++at_;
  }
  item.resize(trim(item).empty() ? 0 : static_cast<std::size_t>(trim(item).data() + trim(item).size() - item.data()));
  return true;
}

namespace {

// The end of what begins at `at`: \N...\N, an escape, ${...} or one byte. Braces within are counted, as the expansion does.
std::size_t end_of_token(std::string_view text, std::size_t at) noexcept {
  if (text[at] == '\\') {
    if (text.substr(at).starts_with("\\N")) {
      const std::size_t end = text.find("\\N", at + 2);
      return end == text.npos ? text.size() : end + 2;
    }
    return std::min(at + 2, text.size());
  }
  if (!text.substr(at).starts_with("${")) return at + 1;
  std::size_t depth = 0;
  std::size_t end = at + 1;
  while (end < text.size()) {
    if (text[end] == '\\') {
      end = end_of_token(text, end);
      continue;
    }
    if (text[end] == '{') ++depth;
    if (text[end] == '}' && --depth == 0) return end + 1;
    ++end;
  }
  return end;
}

bool is_plain_escape(std::string_view text, std::size_t at) noexcept { return text.substr(at).starts_with("\\N"); }

}  // namespace

std::optional<RawList> split_raw(std::string_view text) {
  RawList list;
  std::size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  if (at < text.size() && (text[at] == '$' || (text[at] == '\\' && !is_plain_escape(text, at)))) return std::nullopt;
  if (at + 1 < text.size() && text[at] == '<') {
    if (text[at + 1] == '\\' || text[at + 1] == '$') return std::nullopt;
    if (is_punctuation(text[at + 1]) || is_control(text[at + 1])) {
      list.separator = text[at + 1];
      at += 2;
    }
  }
  const bool may_be_doubled = !is_control(list.separator);
  bool ends_in_variable = false;
  RawItem item{.begin = at};
  while (at < text.size()) {
    if (text[at] != list.separator) {
      const bool is_variable = text[at] == '$' || (text[at] == '\\' && !is_plain_escape(text, at));
      item.has_variables = item.has_variables || is_variable;
      // The name behind a $ ends with the first blank at the latest.
      ends_in_variable = is_variable || (ends_in_variable && !is_space(text[at]));
      at = end_of_token(text, at);
      continue;
    }
    if (may_be_doubled && at + 1 < text.size() && text[at + 1] == list.separator) {
      at += 2;
      continue;
    }
    item.end = at++;
    const bool next_is_variable = at < text.size() && (text[at] == '$' || (text[at] == '\\' && !is_plain_escape(text, at)));
    item.touches_next = ends_in_variable || next_is_variable;
    list.items.push_back(item);
    item = {.begin = at};
    ends_in_variable = false;
  }
  item.end = at;
  list.items.push_back(item);
  return list;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace postern::lists
