#include "policy/expand/program.h"

#include <algorithm>

namespace postern::expand {

bool Program::is_constant() const noexcept {
  return std::ranges::all_of(code_, [](const Instruction& i) { return i.op == Op::literal; });
}

std::optional<std::string_view> Program::literal(const Part& part) const noexcept {
  if (part.count != 1 || code_[part.first].op != Op::literal) return std::nullopt;
  return literal(code_[part.first]);
}

}  // namespace postern::expand
