// "did you mean": the known word nearest to one that is not.
#pragma once

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>

namespace postern::expand {

// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`; anything above `limit` is given as
// limit + 1.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// Remembers the nearest of the words it was shown. A word is near when at most a third of it would have to change.
class Nearest {
 public:
  explicit Nearest(std::string_view word) noexcept;
  void offer(std::string_view candidate);
  // `: did you mean "smtp_accept_max"?`, or nothing when no word was near. `before` goes in front of the word.
  [[nodiscard]] std::string question(std::string_view before = {}) const;
  // Borrowed from the candidate; empty when no word was near.
  [[nodiscard]] std::string_view word() const noexcept { return best_; }

 private:
  std::string_view word_;
  std::string_view best_;
  std::size_t limit_;
};

// Over the rows of a table, by their `name`.
template <std::ranges::range Table>
[[nodiscard]] std::string did_you_mean(std::string_view word, const Table& table, std::string_view before = {}) {
  Nearest nearest(word);
  for (const auto& row : table) nearest.offer(row.name);
  return nearest.question(before);
}

}  // namespace postern::expand
