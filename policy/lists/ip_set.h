// A set of addresses made of networks. They are kept as sorted ranges that do not overlap: a binary search
// answers, and a million networks take no more room than their ends. (A prefix trie of as many would be ten times as large.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ip_address.h"

namespace postern::lists {

class IpSet {
 public:
  void add(const IpNetwork& network);
  void add(const IpAddress& address) { add(IpNetwork{address, address.bits()}); }
  // Sorts and merges. Nothing may be added afterwards, and contains() may be asked only then.
  void seal();

  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
  // The part of the set that holds `address`, which it contains: "192.0.2.0/24", "192.0.2.1", or "192.0.2.7-192.0.2.9" where
  // networks that touch make none.
  [[nodiscard]] std::string around(const IpAddress& address) const;
  [[nodiscard]] bool empty() const noexcept { return v4_.empty() && v6_.empty(); }

 private:
  // Network order, so that they compare as numbers do. IPv4 addresses use the first four bytes.
  using Key = std::array<std::uint8_t, 16>;
  struct Range {
    Key first;
    Key last;
  };
  using Ranges = std::vector<Range>;

  static void merge(Ranges& ranges);
  [[nodiscard]] const Range* find(const IpAddress& address) const noexcept;

  Ranges v4_;
  Ranges v6_;
};

}  // namespace postern::lists
