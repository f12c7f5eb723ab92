// Lists of local parts, compiled. Immutable once made; shared by all shards.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "policy/lists/run_list.h"
#include "policy/lists/text_matcher.h"

namespace postern::lists {

class LocalPartPatterns {
 public:
  explicit LocalPartPatterns(Case letters = Case::ignored) : text_(letters) {}
  [[nodiscard]] bool match(std::string_view local_part) const noexcept;

 private:
  friend class ListCompiler;
  TextMatcher text_;
  std::vector<std::shared_ptr<const class LocalPartList>> named_;
};

class LocalPartList {
 public:
  // An empty list, in which nothing is.
  LocalPartList() = default;
  // Letters of either case are alike up to a +caseful item. No allocation.
  [[nodiscard]] bool matches(std::string_view local_part) const noexcept;

 private:
  friend class ListCompiler;
  RunList<LocalPartPatterns> runs_;
};

}  // namespace postern::lists
