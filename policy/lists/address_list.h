// Lists of mail addresses, compiled. Immutable once made; shared by all shards.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "policy/lists/domain_list.h"
#include "policy/lists/run_list.h"
#include "policy/lists/text_matcher.h"

namespace postern::lists {

class AddressPatterns {
 public:
  [[nodiscard]] bool match(std::string_view address) const noexcept;

 private:
  friend class ListCompiler;
  // A local part or its ending, with what the domain must be.
  struct Pair {
    TextMatcher local_part;
    DomainPatterns domain;
  };

  bool empty_sender_ = false;
  TextMatcher whole_;       // local_part@domain where letters of either case are alike in both
  DomainPatterns domains_;  // any local part
  std::vector<Pair> pairs_;
  std::vector<std::shared_ptr<const class AddressList>> named_;
};

class AddressList {
 public:
  // An empty list, in which nothing is.
  AddressList() = default;
  // `address` is "local_part@domain", or empty for the null sender, which only an empty item matches. Letters of either case
  // are alike; in local parts up to a +caseful item. No allocation.
  [[nodiscard]] bool matches(std::string_view address) const noexcept;

 private:
  friend class ListCompiler;
  RunList<AddressPatterns> runs_;
};

}  // namespace postern::lists
