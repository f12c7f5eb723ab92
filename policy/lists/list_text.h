// The syntax that all lists share: items between separators, colons unless the list says otherwise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::lists {

// Reads items one by one. A list may begin with < and the separator it uses instead ("<; a ; b"). A doubled separator is that
// character itself, unless it is a control character. Blanks around items are dropped; an empty item at the end is no item.
class ListReader {
 public:
  // `list` is borrowed.
  explicit ListReader(std::string_view list, char separator = ':') noexcept;

  // The next item, with doubled separators made single; false at the end.
  [[nodiscard]] bool next(std::string& item);
  // Where in the list the item just read begins.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] char separator() const noexcept { return separator_; }

 private:
  void skip_space() noexcept;

  std::string_view list_;
  std::size_t at_ = 0;
  std::size_t offset_ = 0;
  char separator_;
};

[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

}  // namespace postern::lists
