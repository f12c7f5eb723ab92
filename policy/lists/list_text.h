// The syntax that all lists share: items between separators, colons unless the list says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::lists {

// What a text is of a list that is read in pieces, which end at separators.
enum class Piece : std::uint8_t {
  whole,   // all of it
  middle,  // a separator stands behind it, so that its last item counts even if it is empty; it says nothing about separators
  last,    // the end; it says nothing about separators
};

// Reads items one by one. A list may begin with < and the separator it uses instead ("<; a ; b"). A doubled separator is that
// character itself, unless it is a control character. Blanks around items are dropped; an empty item at the end is no item.
class ListReader {
 public:
  // `list` is borrowed.
  explicit ListReader(std::string_view list, char separator = ':', Piece piece = Piece::whole) noexcept;

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
  bool is_middle_;
  bool expects_item_;  // even where the text ends
};

// Where the items of a list that is yet to be expanded begin and end. Separators within ${...} and \N...\N do not count.
struct RawItem {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool has_variables = false;  // or something else that expanding changes to what is not known now
  bool touches_next = false;   // no blank stands between the two, and one of them has variables: they may grow together
};
struct RawList {
  char separator = ':';
  std::vector<RawItem> items;
};
// Nothing when only its expansion tells what separates the items.
[[nodiscard]] std::optional<RawList> split_raw(std::string_view text);

[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

}  // namespace postern::lists
