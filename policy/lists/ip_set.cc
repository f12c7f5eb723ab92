#include "policy/lists/ip_set.h"

#include <algorithm>

namespace postern::lists {

void IpSet::add(const IpNetwork& network) {
  Range range{network.address.bytes(), network.address.bytes()};
  const unsigned bits = network.address.bits();
  for (unsigned bit = network.prefix_bits; bit < bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    range.first[bit / 8] &= static_cast<std::uint8_t>(~mask);
    range.last[bit / 8] |= mask;
  }
  (network.address.is_v4() ? v4_ : v6_).push_back(range);
}

void IpSet::merge(Ranges& ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  Ranges merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  merged.shrink_to_fit();
  ranges = std::move(merged);
}

void IpSet::seal() {
  merge(v4_);
  merge(v6_);
}

bool IpSet::contains(const IpAddress& address) const noexcept {
  const Ranges& ranges = address.is_v4() ? v4_ : v6_;
  const auto after = std::ranges::upper_bound(ranges, address.bytes(), {}, &Range::first);
  return after != ranges.begin() && address.bytes() <= std::prev(after)->last;
}

}  // namespace postern::lists
