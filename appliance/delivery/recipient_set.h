// A set of recipient indexes of one message, small while the message has few.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace postern::delivery {

class RecipientSet {
 public:
  // True when `index` was not in the set before.
  bool insert(std::uint32_t index) {
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    std::uint64_t& word = word_of(index);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    count_ += is_new ? 1 : 0;
    return is_new;
  }
  [[nodiscard]] bool contains(std::uint32_t index) const noexcept {
    if (index < 64) return (first_ >> index & 1) != 0;
    const std::size_t at = index / 64 - 1;
    return at < more_.size() && (more_[at] >> index % 64 & 1) != 0;
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  // Ascending.
  template <class Visit>
  void for_each(Visit&& visit) const {
    visit_word(first_, 0, visit);
    for (std::size_t i = 0; i < more_.size(); ++i) visit_word(more_[i], static_cast<std::uint32_t>(i + 1) * 64, visit);
  }

  friend bool operator==(const RecipientSet&, const RecipientSet&) = default;

 private:
  std::uint64_t& word_of(std::uint32_t index) {
    if (index < 64) return first_;
    const std::size_t at = index / 64 - 1;
    if (more_.size() <= at) more_.resize(at + 1);
    return more_[at];
  }
  template <class Visit>
  static void visit_word(std::uint64_t word, std::uint32_t base, Visit& visit) {
    for (; word != 0; word &= word - 1) visit(base + static_cast<std::uint32_t>(std::countr_zero(word)));
  }

  std::uint64_t first_ = 0;
  std::uint32_t count_ = 0;
  std::vector<std::uint64_t> more_;
};

}  // namespace postern::delivery
