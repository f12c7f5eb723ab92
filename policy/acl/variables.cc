#include "policy/acl/variables.h"

#include <algorithm>

namespace postern::acl {

void AclVariables::set(std::string_view name, std::string_view value, expand::Bytes bytes) {
  const auto found = std::ranges::find(all_, name, &Variable::name);
  if (found == all_.end()) {
    all_.push_back({std::string(name), std::string(value), bytes});
  } else {
    found->value = value;
    found->bytes = bytes;
  }
}

std::optional<expand::Held> AclVariables::get(std::string_view name) const noexcept {
  const auto found = std::ranges::find(all_, name, &Variable::name);
  if (found == all_.end()) return std::nullopt;
  return expand::Held{found->value, found->bytes};
}

}  // namespace postern::acl
