#include "policy/expand/program.h"

#include <algorithm>

namespace postern::expand {

Program Program::failing(std::string_view source, std::string_view why) {
  Program program;
  program.source_ = source;
  program.literals_ = why;
  program.code_.push_back({.op = Op::fail, .a = 0, .b = static_cast<std::uint32_t>(why.size())});
  program.parts_.push_back({.first = 0, .count = 1, .source = 0});
  program.needs_only_variables_ = false;
  return program;
}

bool Program::always_fails() const noexcept { return code_.size() == 1 && code_.front().op == Op::fail; }

bool Program::is_constant() const noexcept {
  return std::ranges::all_of(code_, [](const Instruction& i) { return i.op == Op::literal; });
}

std::optional<std::string_view> Program::literal(const Part& part) const noexcept {
  if (part.count != 1 || code_[part.first].op != Op::literal) return std::nullopt;
  return literal(code_[part.first]);
}

}  // namespace postern::expand
