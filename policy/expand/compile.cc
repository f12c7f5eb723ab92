#include "policy/expand/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/conditions.h"
#include "policy/expand/escape.h"
#include "policy/expand/items.h"
#include "policy/expand/nearest.h"
#include "policy/expand/operators.h"

namespace postern::expand {

namespace {

using smtp::CharClass;
using smtp::is;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_name_char(char c) noexcept { return is(CharClass::let_dig, c) || c == '_'; }
constexpr bool is_word_char(char c) noexcept { return is_name_char(c) || c == '-'; }

}  // namespace

// Recursive descent over the text. Each read_ function returns false after it has reported an error.
class Compiler {
 public:
  Compiler(const ConfigText& text, Diagnostics& diagnostics) : text_(text), source_(text.view()), diagnostics_(diagnostics) {}

  std::optional<Program> run() {
    Span root;
    if (!read_sequence(false, root)) return std::nullopt;
    program_.root_ = root;
    program_.source_ = source_;
    return std::move(program_);
  }

 private:
  using Nodes = std::vector<Node>;

  [[nodiscard]] bool at_end() const noexcept { return at_ >= source_.size(); }
  [[nodiscard]] bool at(char c) const noexcept { return !at_end() && source_[at_] == c; }
  void skip_space() noexcept {
    while (!at_end() && is_space(source_[at_])) ++at_;
  }
  [[nodiscard]] std::string_view take_while(bool (*wanted)(char) noexcept) noexcept {
    const std::size_t begin = at_;
    while (!at_end() && wanted(source_[at_])) ++at_;
    return source_.substr(begin, at_ - begin);
  }

  bool fail(std::size_t where, std::string message) {
    diagnostics_.error(text_.position(where), std::move(message));
    return false;
  }
  // Takes `c`, or complains that it is missing.
  bool expect(char c, std::string_view after) {
    if (!at(c)) return fail(at_, fmt::format("\"{}\" is missing {}", c, after));
    ++at_;
    return true;
  }

  Node literal(std::string_view bytes, std::size_t source) {
    Node node{.kind = NodeKind::literal,
              .index = static_cast<std::uint32_t>(program_.literals_.size()),
              .length = static_cast<std::uint32_t>(bytes.size()),
              .source = static_cast<std::uint32_t>(source)};
    program_.literals_.append(bytes);
    return node;
  }
  // Nodes of one sequence lie side by side; those of inner sequences were stored before.
  bool store(const Nodes& nodes, Span& span) {
    if (program_.nodes_.size() + nodes.size() > kNodesMax) return fail(at_, "this expansion is too long");
    span = {static_cast<std::uint32_t>(program_.nodes_.size()), static_cast<std::uint32_t>(nodes.size())};
    program_.nodes_.insert(program_.nodes_.end(), nodes.begin(), nodes.end());
    return true;
  }
  void note_use(VariableId id) {
    if (std::ranges::find(program_.variables_, id) == program_.variables_.end()) program_.variables_.push_back(id);
  }

  // Text up to the end, or, inside brackets, up to the first `}` that belongs to no ${...}. A `{` is an ordinary character.
  bool read_sequence(bool in_brackets, Span& span) {
    Nodes nodes;
    while (!at_end() && !(in_brackets && at('}'))) {
      if (nodes.size() > kNodesMax) return fail(at_, "this expansion is too long");
      if (at('\\')) {
        if (!read_backslash(nodes)) return false;
      } else if (at('$')) {
        if (!read_dollar(nodes)) return false;
      } else {
        const std::size_t begin = at_;
        while (!at_end() && !at('\\') && !at('$') && !(in_brackets && at('}'))) ++at_;
        nodes.push_back(literal(source_.substr(begin, at_ - begin), begin));
      }
    }
    return store(nodes, span);
  }

  bool read_backslash(Nodes& nodes) {
    const std::size_t begin = at_;
    if (at_ + 1 >= source_.size()) return fail(begin, "\\ at the end of the text: write \\\\ for a backslash");
    if (source_[at_ + 1] == 'N') {  // literal text up to the next \N, or to the end
      const std::size_t end = std::min(source_.find("\\N", at_ + 2), source_.size());
      nodes.push_back(literal(source_.substr(at_ + 2, end - at_ - 2), at_ + 2));
      at_ = std::min(end + 2, source_.size());
      return true;
    }
    const Escape escape = read_escape(source_.substr(at_));
    nodes.push_back(literal({&escape.byte, 1}, begin));
    at_ += escape.length;
    return true;
  }

  bool read_dollar(Nodes& nodes) {
    const std::size_t begin = at_++;
    if (at('{')) {
      if (++depth_ > kNestingMax) return fail(begin, fmt::format("more than {} nested ${{...}}", kNestingMax));
      ++at_;
      const bool read = read_braced(begin, nodes);
      --depth_;
      return read;
    }
    const std::string_view name = take_while(is_name_char);
    if (name.empty()) return fail(begin, "$ is not followed by a letter, a digit or {: write \\$ for a dollar sign");
    return add_variable(name, begin, nodes);
  }

  // Behind "${".
  bool read_braced(std::size_t begin, Nodes& nodes) {
    const std::size_t word_at = at_;
    const std::string_view word = take_while(is_word_char);
    if (word.empty()) return fail(begin, "a letter or a digit is expected after ${");
    if (word == "if") return read_if(begin, nodes);
    if (at(':')) return read_operation(word, word_at, nodes);
    if (at('}')) {
      ++at_;
      return add_variable(word, word_at, nodes);
    }
    return refuse_item(word, word_at);
  }

  bool refuse_item(std::string_view word, std::size_t where) {
    if (const ItemDef* const item = find_item(word))
      return fail(where, fmt::format("${{{}...}} cannot be used: {}", word, item->not_built));
    if (find_operator(word) != nullptr) return fail(at_, fmt::format("\":\" is missing after the operator \"{}\"", word));
    if (find_variable(word) != nullptr) return fail(at_, fmt::format("}} is missing after ${{{}", word));
    return fail(where, fmt::format("unknown expansion item \"{}\"{}", printable(word, 64), did_you_mean(word, items())));
  }

  bool add_variable(std::string_view name, std::size_t where, Nodes& nodes) {
    VariableId id = VariableId::none;
    if (!find_built_variable(name, where, id)) return false;
    nodes.push_back({.kind = NodeKind::variable, .variable = id, .source = static_cast<std::uint32_t>(where)});
    note_use(id);
    return true;
  }

  bool find_built_variable(std::string_view name, std::size_t where, VariableId& id) {
    const VariableDef* const variable = find_variable(name);
    if (variable != nullptr && variable->not_built.empty()) {
      id = variable->id;
      return true;
    }
    const std::string_view why = variable != nullptr ? variable->not_built : refused_family(name);
    if (!why.empty()) return fail(where, fmt::format("${} cannot be used: {}", printable(name, 64), why));
    return fail(where, fmt::format("unknown variable \"${}\"{}", printable(name, 64), nearest_variable(name)));
  }

  // Behind "${name", at the colon.
  bool read_operation(std::string_view name, std::size_t where, Nodes& nodes) {
    const OperatorDef* const found = find_operator(name);
    if (found == nullptr)
      return fail(where, fmt::format("unknown operator \"{}\"{}", printable(name, 64), did_you_mean(name, operators())));
    if (found->apply == nullptr) return fail(where, fmt::format("${{{}:...}} cannot be used: {}", name, found->not_built));
    ++at_;
    Span operand;
    if (!read_sequence(true, operand)) return false;
    if (!expect('}', fmt::format("at the end of ${{{}:", name))) return false;
    nodes.push_back({.kind = NodeKind::operation,
                     .row = static_cast<std::uint16_t>(found - operators().data()),
                     .index = add_span(operand),
                     .source = static_cast<std::uint32_t>(where)});
    return true;
  }

  std::uint32_t add_span(Span span) {
    program_.spans_.push_back(span);
    return static_cast<std::uint32_t>(program_.spans_.size() - 1);
  }

  // Behind "${if": condition {yes} {no}, where either may be left out and `fail` may stand for {no}.
  bool read_if(std::size_t begin, Nodes& nodes) {
    ConditionNode condition;
    Choice choice;
    if (!read_condition(condition)) return false;
    skip_space();
    if (at('{')) {
      choice.has_yes = true;
      if (!read_bracketed(choice.yes)) return false;
      skip_space();
      if (!read_otherwise(choice)) return false;
      skip_space();
    }
    if (!expect('}', "at the end of ${if")) return false;
    program_.conditions_.push_back(condition);
    choice.condition = static_cast<std::uint32_t>(program_.conditions_.size() - 1);
    program_.choices_.push_back(choice);
    nodes.push_back({.kind = NodeKind::choice,
                     .index = static_cast<std::uint32_t>(program_.choices_.size() - 1),
                     .source = static_cast<std::uint32_t>(begin)});
    return true;
  }

  bool read_otherwise(Choice& choice) {
    if (at('{')) return read_bracketed(choice.no);
    if (at('}') || at_end()) return true;
    const std::size_t where = at_;
    if (take_while(is_name_char) != "fail")
      return fail(where, "expected {text for false}, \"fail\" or } after the first text of ${if");
    choice.otherwise = Otherwise::forced_failure;
    return true;
  }

  // "{...}" at the current place.
  bool read_bracketed(Span& span) {
    ++at_;
    if (!read_sequence(true, span)) return false;
    return expect('}', "at the end of {...");
  }

  bool read_condition(ConditionNode& condition) {
    skip_space();
    for (; at('!'); skip_space()) {
      condition.negated = !condition.negated;
      ++at_;
    }
    const std::size_t where = at_;
    const std::string_view name = take_condition_name();
    if (name.empty()) return fail(where, "the name of a condition is expected here");
    const ConditionDef* const found = find_condition(name);
    if (found == nullptr) {
      return fail(where, fmt::format("unknown condition \"{}\"{}", printable(name, 64), did_you_mean(name, conditions())));
    }
    condition.row = static_cast<std::uint16_t>(found - conditions().data());
    switch (found->shape) {
      case Shape::not_built: return fail(where, fmt::format("the condition \"{}\" cannot be used: it is not built yet", name));
      case Shape::variable: return read_def(condition);
      case Shape::conditions: return read_conditions(name, condition);
      case Shape::one_string: return read_arguments(name, 1, condition);
      case Shape::two_strings:
      case Shape::two_numbers: return read_arguments(name, 2, condition);
    }
    return false;
  }

  std::string_view take_condition_name() noexcept {
    if (at_end() || std::string_view("<>=").find(source_[at_]) == std::string_view::npos) return take_while(is_name_char);
    const std::size_t length = at_ + 1 < source_.size() && source_[at_ + 1] == '=' ? 2 : 1;
    at_ += length;
    return source_.substr(at_ - length, length);
  }

  bool read_def(ConditionNode& condition) {
    if (!expect(':', "after def")) return false;
    const std::size_t where = at_;
    const std::string_view name = take_while(is_name_char);
    if (name.empty()) return fail(where, "the name of a variable is expected after def:");
    if (!find_built_variable(name, where, condition.variable)) return false;
    note_use(condition.variable);
    return true;
  }

  bool read_arguments(std::string_view name, std::size_t count, ConditionNode& condition) {
    std::array<Span, 2> arguments;
    for (std::size_t i = 0; i < count; ++i) {
      skip_space();
      if (!at('{'))
        return fail(at_,
                    fmt::format("\"{}\" takes {} in {{}}, and this is not one", name, count == 1 ? "a text" : "two texts"));
      if (!read_bracketed(arguments[i])) return false;
    }
    condition.arguments = {static_cast<std::uint32_t>(program_.spans_.size()), static_cast<std::uint32_t>(count)};
    program_.spans_.insert(program_.spans_.end(), arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
  }

  // "{ {condition} {condition} ... }".
  bool read_conditions(std::string_view name, ConditionNode& condition) {
    if (++depth_ > kNestingMax) return fail(at_, fmt::format("more than {} nested conditions", kNestingMax));
    std::vector<ConditionNode> inner;
    skip_space();
    if (!expect('{', fmt::format("after \"{}\"", name))) return false;
    for (skip_space(); at('{'); skip_space()) {
      ++at_;
      if (!read_condition(inner.emplace_back())) return false;
      skip_space();
      if (!expect('}', "at the end of a condition")) return false;
    }
    if (!expect('}', fmt::format("at the end of \"{}\"", name))) return false;
    if (program_.conditions_.size() + inner.size() > kNodesMax) return fail(at_, "this expansion is too long");
    condition.arguments = {static_cast<std::uint32_t>(program_.conditions_.size()), static_cast<std::uint32_t>(inner.size())};
    program_.conditions_.insert(program_.conditions_.end(), inner.begin(), inner.end());
    --depth_;
    return true;
  }

  const ConfigText& text_;
  std::string_view source_;
  Diagnostics& diagnostics_;
  Program program_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

std::optional<Program> compile(const ConfigText& text, Diagnostics& diagnostics, CompileServices*) {
  return Compiler(text, diagnostics).run();
}

std::optional<Program> compile(const ConfigText& text, std::string& why, CompileServices* services) {
  Diagnostics diagnostics;
  auto program = compile(text, diagnostics, services);
  if (!program) why = diagnostics.all().front().message;
  return program;
}

}  // namespace postern::expand
