#include "policy/lists/ip_set.h"

#include <algorithm>

namespace postern::lists {

namespace {

// ::ffff:a.b.c.d
std::array<std::uint8_t, 16> mapped(const std::array<std::uint8_t, 16>& v4) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[10] = bytes[11] = 0xFF;
  std::copy_n(v4.begin(), 4, bytes.begin() + 12);
  return bytes;
}

}  // namespace

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

const IpSet::Range* IpSet::find(const IpAddress& address) const noexcept {
  const Ranges& ranges = address.is_v4() ? v4_ : v6_;
  const auto after = std::ranges::upper_bound(ranges, address.bytes(), {}, &Range::first);
  return after != ranges.begin() && address.bytes() <= std::prev(after)->last ? &*std::prev(after) : nullptr;
}

bool IpSet::contains(const IpAddress& address) const noexcept { return find(address) != nullptr; }

std::string IpSet::around(const IpAddress& address) const {
  const Range* const range = find(address);
  if (range == nullptr) return {};
  const auto made = [&](const Key& key) { return address.is_v4() ? IpAddress::fold_mapped(mapped(key)) : IpAddress::v6(key); };
  const IpAddress first = made(range->first);
  const IpAddress last = made(range->last);
  if (first == last) return first.to_string();
  for (unsigned bits = 0; bits < first.bits(); ++bits) {
    IpSet network;
    network.add(IpNetwork{first.masked(bits), bits});
    const Range& whole = (address.is_v4() ? network.v4_ : network.v6_).front();
    if (whole.first == range->first && whole.last == range->last) return first.to_string() + "/" + std::to_string(bits);
  }
  return first.to_string() + "-" + last.to_string();
}

}  // namespace postern::lists
