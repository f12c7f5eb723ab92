#include "policy/lists/text_matcher.h"

#include <algorithm>

namespace postern::lists {

void TextMatcher::add_ending(std::string_view ending, std::uint32_t number) {
  if (ending.empty()) {
    if (!everything_) everything_ = number;
    return;
  }
  endings_.add(ending, number);
  const auto place = std::ranges::lower_bound(lengths_, ending.size());
  if (place == lengths_.end() || *place != ending.size()) lengths_.insert(place, ending.size());
}

template <class Use>
void TextMatcher::each(std::string_view subject, Use use) const noexcept {
  std::uint64_t hash = FoldedSet::kSeed;
  std::size_t next = 0;
  for (std::size_t length = 1; length <= subject.size(); ++length) {
    hash = exact_.step(hash, subject[subject.size() - length]);
    if (next == lengths_.size() || lengths_[next] != length) continue;
    ++next;
    const FoldedSet::Entry* const ending = endings_.find(subject.substr(subject.size() - length), hash);
    if (ending != nullptr && !use(*ending, true)) return;
  }
  if (const FoldedSet::Entry* const exact = exact_.find(subject, hash)) use(*exact, false);
}

bool TextMatcher::matches(std::string_view subject) const noexcept {
  bool found = everything_.has_value();
  if (!found) {
    each(subject, [&found](const FoldedSet::Entry&, bool) {
      found = true;
      return false;
    });
  }
  return found;
}

std::optional<TextMatcher::Hit> TextMatcher::first(std::string_view subject) const noexcept {
  std::optional<Hit> first;
  if (everything_) first = Hit{*everything_, true, {}};
  each(subject, [&](const FoldedSet::Entry& entry, bool is_ending) {
    if (!first || entry.number < first->number)
      first = Hit{entry.number, is_ending, (is_ending ? endings_ : exact_).text_of(entry)};
    return true;
  });
  return first;
}

}  // namespace postern::lists
