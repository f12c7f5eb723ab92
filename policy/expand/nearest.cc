#include "policy/expand/nearest.h"

#include <algorithm>
#include <array>

#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

constexpr std::size_t kWordMax = 64;  // longer words are never near anything

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (difference > limit || a.size() > kWordMax || b.size() > kWordMax) return limit + 1;
  // Three rows of the usual table: the row being filled and the two above it, the upper one for swaps.
  std::array<std::array<std::size_t, kWordMax + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], above2[j - 2] + 1);
    }
  }
  return std::min(rows[a.size() % 3][b.size()], limit + 1);
}

Nearest::Nearest(std::string_view word) noexcept : word_(word), limit_(std::max<std::size_t>(1, word.size() / 3)) {}

void Nearest::offer(std::string_view candidate) {
  if (limit_ == 0) return;
  const std::size_t distance = edit_distance(word_, candidate, limit_);
  if (distance > limit_ || distance >= std::max(word_.size(), candidate.size())) return;
  best_ = candidate;
  limit_ = distance - (distance > 0 ? 1 : 0);  // only a nearer one replaces it
}

std::string Nearest::question(std::string_view before) const {
  if (best_.empty()) return {};
  std::string text = ": did you mean \"";
  text.append(before).append(best_).append("\"?");
  return text;
}

}  // namespace postern::expand
