// What the conditions spf and spf_guess are compared with: "fail", "pass : none", "!fail : !softfail".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/spf/result.h"

namespace postern::acl {

struct SpfResultItem {
  std::optional<spf::Result> result;  // nothing: "*", any
  bool negated = false;
};

struct SpfResults {
  std::vector<SpfResultItem> items;
  // The first item that holds decides.
  [[nodiscard]] bool contains(spf::Result result) const noexcept;
};

// Reads a list, expanded. Nothing, and `why`, when a word is no result.
[[nodiscard]] std::optional<SpfResults> read_spf_results(std::string_view text, std::string& why);

}  // namespace postern::acl
