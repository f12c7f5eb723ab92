#include "policy/lists/local_part_list.h"

#include <algorithm>

namespace postern::lists {

bool LocalPartPatterns::match(std::string_view local_part) const noexcept {
  if (text_.matches(local_part)) return true;
  return std::ranges::any_of(named_, [&](const auto& list) { return list->matches(local_part); });
}

bool LocalPartList::matches(std::string_view local_part) const noexcept {
  return runs_.matches([&](const LocalPartPatterns& run) { return run.match(local_part); });
}

}  // namespace postern::lists
