// Lists of mail domains, compiled. Immutable once made; shared by all shards.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "policy/lists/ip_set.h"
#include "policy/lists/run_list.h"
#include "policy/lists/text_matcher.h"

namespace postern::lists {

// The patterns of one sign.
class DomainPatterns {
 public:
  [[nodiscard]] bool match(std::string_view domain) const noexcept;

 private:
  friend class ListCompiler;
  TextMatcher text_;
  std::shared_ptr<const IpSet> literals_;  // @[]: a domain literal of one of these addresses
  std::vector<std::shared_ptr<const class DomainList>> named_;
};

class DomainList {
 public:
  // An empty list, in which nothing is.
  DomainList() = default;
  // Letters of either case are alike. No allocation.
  [[nodiscard]] bool matches(std::string_view domain) const noexcept;

 private:
  friend class ListCompiler;
  RunList<DomainPatterns> runs_;
};

}  // namespace postern::lists
