// Exim's text files of keys and data (lsearch and its kin): pure functions over their bytes.
//
// An item begins at a line whose first byte is neither white space nor #. Its key ends at a colon or white space, or, when it
// begins with a double quote, at the next one; white space and one colon behind it belong to neither. The rest of the line, and
// of following lines that begin with white space, each joined with one blank, is the data. A line that is empty or a comment
// ends the item.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::lookup {

struct LsearchKey {
  std::string_view text;     // as it counts; borrowed from the file or from `scratch`
  std::size_t behind = 0;    // in the file: the first byte behind the key and its closing quote
  std::size_t line_end = 0;  // in the file: where the line ends, white space at its end left out
};

// The item's key; `begin` is where its line begins. `scratch` is used when the key has escapes.
[[nodiscard]] LsearchKey lsearch_key(std::string_view file, std::size_t begin, std::string& scratch);
// Appends the item's data, as it stands behind `key`. With `full` the key and all that follows it, the quotes left out.
void lsearch_data(std::string_view file, const LsearchKey& key, bool full, std::string& out);

// Gives where the items begin, one a call.
class LsearchItems {
 public:
  explicit LsearchItems(std::string_view file) noexcept : file_(file) {}
  [[nodiscard]] std::optional<std::size_t> next() noexcept;

 private:
  std::string_view file_;
  std::size_t at_ = 0;
};

// White space as Exim's files have it; the line end is not among it.
[[nodiscard]] constexpr bool is_lsearch_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n'); }

}  // namespace postern::lookup
