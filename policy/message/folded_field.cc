#include "policy/message/folded_field.h"

#include <algorithm>

namespace postern::message {

FoldedField::FoldedField(std::string_view name) {
  put(name);
  put(": ");
}

void FoldedField::put(std::string_view piece) {
  text_ += piece;
  column_ += piece.size();
}

void FoldedField::fold() {
  if (text_.ends_with(' ')) text_.pop_back();
  text_ += "\r\n\t";
  column_ = 1;
}

void FoldedField::begin_tag(std::string_view name, std::size_t bytes) {
  if (has_tags_) put("; ");
  if (has_tags_ && column_ + name.size() + 1 + bytes + 1 > kLineBytesMax) fold();
  has_tags_ = true;
  put(name);
  put("=");
}

void FoldedField::add(std::string_view name, std::string_view value) {
  begin_tag(name, value.size());
  put(value);
}

void FoldedField::add_list(std::string_view name, std::string_view value) {
  begin_tag(name, std::min(value.find(':'), value.size()));
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(':'), value.size() - 1) + 1;
    if (column_ + end > kLineBytesMax) fold();
    put(value.substr(0, end));
    value.remove_prefix(end);
  }
}

void FoldedField::add_base64(std::string_view name, std::string_view value) {
  begin_tag(name, std::min<std::size_t>(value.size(), 8));
  extend_base64(value);
}

void FoldedField::extend_base64(std::string_view value) {
  while (!value.empty()) {
    if (column_ >= kLineBytesMax) fold();
    const std::string_view piece = value.substr(0, kLineBytesMax - column_);
    put(piece);
    value.remove_prefix(piece.size());
  }
}

}  // namespace postern::message
