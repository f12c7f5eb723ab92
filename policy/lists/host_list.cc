#include "policy/lists/host_list.h"

#include <algorithm>

namespace postern::lists {

bool HostPatterns::match(const IpAddress& address) const noexcept {
  if (everyone_ || addresses_.contains(address)) return true;
  return std::ranges::any_of(named_, [&](const auto& list) { return list->matches(address); });
}

bool HostList::matches(const IpAddress& address) const noexcept {
  return runs_.matches([&](const HostPatterns& run) { return run.match(address); });
}

}  // namespace postern::lists
