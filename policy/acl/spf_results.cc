#include "policy/acl/spf_results.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

bool SpfResults::contains(spf::Result result) const noexcept {
  return std::ranges::any_of(items, [&](const SpfResultItem& item) {
    const bool is_same = !item.result || *item.result == result;
    return is_same != item.negated;
  });
}

std::optional<SpfResults> read_spf_results(std::string_view text, std::string& why) {
  SpfResults results;
  lists::ListReader reader(text);
  for (std::string word; reader.next(word);) {
    SpfResultItem item{.result = {}, .negated = word.starts_with('!')};
    const std::string_view name = lists::trim(std::string_view(word).substr(item.negated ? 1 : 0));
    if (name != "*") {
      const std::optional<spf::ResultName> known = spf::result_named(name);
      if (!known) {
        why = fmt::format("\"{}\" is no SPF result: pass, fail, softfail, neutral, none, temperror, permerror",
                          printable(name, 64));
        return std::nullopt;
      }
      item.result = known->result;
    }
    results.items.push_back(item);
  }
  return results;
}

}  // namespace postern::acl
