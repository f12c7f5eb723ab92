#include "policy/expand/program.h"

#include <algorithm>

namespace postern::expand {

bool Program::is_constant() const noexcept {
  return std::ranges::all_of(nodes_, [](const Node& node) { return node.kind == NodeKind::literal; });
}

bool Program::has_peers_bytes() const noexcept {
  return std::ranges::any_of(variables_, [](VariableId id) { return variable_bytes(id) == Bytes::peers; });
}

}  // namespace postern::expand
