// An expansion, compiled: a flat list of instructions for the machine, immutable once made, shared by all shards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/instruction.h"
#include "policy/expand/services.h"
#include "policy/expand/variables.h"

namespace postern::expand {

class Compiler;
class Machine;
class Regex;

// One of the things that stand side by side at the top of a program.
struct Part {
  std::uint32_t first = 0;  // instruction
  std::uint32_t count = 0;
  std::uint32_t source = 0;  // offset in the text that was compiled
};

class Program {
 public:
  // An empty string.
  Program() = default;
  // One whose expansion fails for the reason `why`. `source` is what could not be compiled.
  [[nodiscard]] static Program failing(std::string_view source, std::string_view why);

  [[nodiscard]] bool always_fails() const noexcept;

  // True when the value depends on nothing: no variable, no item, no operator.
  [[nodiscard]] bool is_constant() const noexcept;
  // True when the value may hold bytes that a peer chose. What is only asked about in a condition does not count, nor what a
  // lookup finds in data that is ours.
  [[nodiscard]] bool has_peers_bytes() const noexcept { return has_peers_bytes_; }
  // True when running it may have to wait for an answer: then it wants evaluate_waiting().
  [[nodiscard]] bool may_wait() const noexcept { return may_wait_; }
  // True when it needs nothing but variables() and what it holds itself: no ACL variable, header, lookup, file.
  [[nodiscard]] bool needs_only_variables() const noexcept { return needs_only_variables_; }
  // Each variable that is used, once.
  [[nodiscard]] const std::vector<VariableId>& variables() const noexcept { return variables_; }
  // What was compiled. Borrowed from this object.
  [[nodiscard]] std::string_view source() const noexcept { return source_; }
  // In order; their values side by side are the value of the program.
  [[nodiscard]] const std::vector<Part>& parts() const noexcept { return parts_; }
  // The text of a part that is one; nothing else is constant. Borrowed from this object.
  [[nodiscard]] std::optional<std::string_view> literal(const Part& part) const noexcept;

 private:
  friend class Compiler;
  friend class Machine;

  struct Lookup {
    LookupHandle handle = 0;
    bool query_style = false;
    std::uint8_t quoter = 0;
  };

  [[nodiscard]] std::string_view literal(const Instruction& i) const noexcept {
    return std::string_view(literals_).substr(i.a, i.b);
  }

  std::string source_;
  std::string literals_;
  std::vector<Instruction> code_;
  std::vector<Part> parts_;
  std::vector<VariableId> variables_;
  std::vector<std::shared_ptr<const Regex>> regexes_;
  std::vector<Lookup> lookups_;
  std::vector<ListHandle> lists_;
  bool has_peers_bytes_ = false;
  bool may_wait_ = false;
  bool needs_only_variables_ = true;
};

}  // namespace postern::expand
