// Lists of hosts, compiled: for now everything that an address alone decides. Immutable once made; shared by all shards.
#pragma once

#include <memory>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/run_list.h"

namespace postern::lists {

class HostPatterns {
 public:
  [[nodiscard]] bool match(const IpAddress& address) const noexcept;

 private:
  friend class ListCompiler;
  IpSet addresses_;
  bool everyone_ = false;
  std::vector<std::shared_ptr<const class HostList>> named_;
};

class HostList {
 public:
  // An empty list, in which nobody is.
  HostList() = default;
  // No allocation.
  [[nodiscard]] bool matches(const IpAddress& address) const noexcept;

 private:
  friend class ListCompiler;
  RunList<HostPatterns> runs_;
};

}  // namespace postern::lists
