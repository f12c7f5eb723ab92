// Patterns that are strings: a whole one, or * and an ending. However many there are, one pass over the subject decides.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "policy/lists/folded_set.h"

namespace postern::lists {

class TextMatcher {
 public:
  explicit TextMatcher(Case letters = Case::ignored) : exact_(letters), endings_(letters) {}

  void add_exact(std::string_view text) { exact_.add(text); }
  // What stands behind the asterisk; empty for *.
  void add_ending(std::string_view ending);
  // "text" or "*ending".
  void add(std::string_view pattern) { pattern.starts_with('*') ? add_ending(pattern.substr(1)) : add_exact(pattern); }

  [[nodiscard]] bool matches(std::string_view subject) const noexcept;

 private:
  FoldedSet exact_;
  FoldedSet endings_;
  std::vector<std::size_t> lengths_;  // of the endings: ascending, each once
  bool everything_ = false;
};

}  // namespace postern::lists
