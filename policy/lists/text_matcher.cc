#include "policy/lists/text_matcher.h"

#include <algorithm>

namespace postern::lists {

void TextMatcher::add_ending(std::string_view ending) {
  if (ending.empty()) {
    everything_ = true;
    return;
  }
  endings_.add(ending);
  const auto place = std::ranges::lower_bound(lengths_, ending.size());
  if (place == lengths_.end() || *place != ending.size()) lengths_.insert(place, ending.size());
}

bool TextMatcher::matches(std::string_view subject) const noexcept {
  if (everything_) return true;
  std::uint64_t hash = FoldedSet::kSeed;
  std::size_t next = 0;
  for (std::size_t length = 1; length <= subject.size(); ++length) {
    hash = exact_.step(hash, subject[subject.size() - length]);
    if (next == lengths_.size() || lengths_[next] != length) continue;
    ++next;
    if (endings_.contains(subject.substr(subject.size() - length), hash)) return true;
  }
  return exact_.contains(subject, hash);
}

}  // namespace postern::lists
