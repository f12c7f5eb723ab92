// An expansion, compiled: a tree in flat arrays, immutable once made, shared by all shards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/variables.h"

namespace postern::expand {

class Compiler;

enum class NodeKind : std::uint8_t { literal, variable, operation, choice };

// What a choice does when its condition is false and there is no second string.
enum class Otherwise : std::uint8_t { nothing, forced_failure };

struct Span {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// Of a program: what stands side by side at its top.
using Part = Span;

struct Node {
  NodeKind kind = NodeKind::literal;
  VariableId variable = VariableId::none;
  std::uint16_t row = 0;     // operation: of kOperators
  std::uint32_t index = 0;   // literal: in literals; operation: in spans; choice: in choices
  std::uint32_t length = 0;  // literal: bytes
  std::uint32_t source = 0;  // offset in the text that was compiled
};

struct ConditionNode {
  std::uint16_t row = 0;  // of kConditions
  bool negated = false;
  VariableId variable = VariableId::none;  // def
  Span arguments;                          // in spans; or, for and and or, in conditions
};

struct Choice {
  std::uint32_t condition = 0;  // in conditions
  bool has_yes = false;         // without it a true condition yields "true"
  Otherwise otherwise = Otherwise::nothing;
  Span yes;
  Span no;
};

class Program {
 public:
  // An empty string.
  Program() = default;

  // True when the value depends on nothing: no variable, no item, no operator.
  [[nodiscard]] bool is_constant() const noexcept;
  // True when the value may hold bytes that a peer chose.
  [[nodiscard]] bool has_peers_bytes() const noexcept;
  // True when running it may have to wait for an answer: then it wants evaluate_waiting().
  [[nodiscard]] bool may_wait() const noexcept { return false; }
  // Each variable that is used, once.
  [[nodiscard]] const std::vector<VariableId>& variables() const noexcept { return variables_; }
  // What was compiled. Borrowed from this object.
  [[nodiscard]] std::string_view source() const noexcept { return source_; }

  // For the evaluator.
  [[nodiscard]] Span root() const noexcept { return root_; }
  [[nodiscard]] const Node& node(std::uint32_t at) const noexcept { return nodes_[at]; }
  [[nodiscard]] Span span(std::uint32_t at) const noexcept { return spans_[at]; }
  [[nodiscard]] const ConditionNode& condition(std::uint32_t at) const noexcept { return conditions_[at]; }
  [[nodiscard]] const Choice& choice(std::uint32_t at) const noexcept { return choices_[at]; }
  [[nodiscard]] std::string_view literal(const Node& node) const noexcept {
    return std::string_view(literals_).substr(node.index, node.length);
  }

 private:
  friend class Compiler;

  std::string source_;
  std::string literals_;
  std::vector<Node> nodes_;
  std::vector<Span> spans_;
  std::vector<ConditionNode> conditions_;
  std::vector<Choice> choices_;
  std::vector<VariableId> variables_;
  Span root_;
};

}  // namespace postern::expand
