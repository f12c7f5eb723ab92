// The items of a list in a text: separated by colons, or by what stands behind "<" at its beginning; a doubled separator is one
// of the item's characters; blanks around an item do not count.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

class ListItems {
 public:
  explicit ListItems(std::string_view list) noexcept;

  [[nodiscard]] char separator() const noexcept { return separator_; }
  // Appends the next item to `item`. False when there is none.
  bool next(std::string& item);
  // Goes on where another splitter of the same list was: how far it got.
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  void seek(std::size_t position) noexcept { at_ = position; }

 private:
  std::string_view list_;
  std::size_t at_ = 0;
  char separator_ = ':';
};

// Appends an item to a list that stands at the end of out, separators in it doubled.
void append_item(std::string& out, std::string_view item, char separator, bool is_first);

}  // namespace postern::expand
