// Patterns that are strings: a whole one, or * and an ending. However many there are, one pass over the subject decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/lists/folded_set.h"

namespace postern::lists {

class TextMatcher {
 public:
  explicit TextMatcher(Case letters = Case::ignored) : exact_(letters), endings_(letters) {}

  // Numbers tell the first of several patterns that match: whoever wants to know it adds them in ascending order.
  void add_exact(std::string_view text, std::uint32_t number = 0) { exact_.add(text, number); }
  // What stands behind the asterisk; empty for *.
  void add_ending(std::string_view ending, std::uint32_t number = 0);
  // "text" or "*ending".
  void add(std::string_view pattern, std::uint32_t number = 0) {
    pattern.starts_with('*') ? add_ending(pattern.substr(1), number) : add_exact(pattern, number);
  }

  [[nodiscard]] bool matches(std::string_view subject) const noexcept;

  struct Hit {
    std::uint32_t number = 0;
    bool is_ending = false;
    std::string_view text;  // of the pattern as it was added, without the asterisk; borrowed from the matcher

    [[nodiscard]] std::string pattern() const { return (is_ending ? "*" : "") + std::string(text); }
  };
  // The pattern with the lowest number that matches.
  [[nodiscard]] std::optional<Hit> first(std::string_view subject) const noexcept;

 private:
  // Calls `use(entry, is_ending)` for each pattern that matches, until it says false.
  template <class Use>
  void each(std::string_view subject, Use use) const noexcept;

  FoldedSet exact_;
  FoldedSet endings_;
  std::vector<std::size_t> lengths_;         // of the endings: ascending, each once
  std::optional<std::uint32_t> everything_;  // the number of *
};

}  // namespace postern::lists
