#include "policy/expand/evaluate.h"

#include <array>
#include <optional>

#include "policy/expand/conditions.h"
#include "policy/expand/operators.h"

namespace postern::expand {

namespace {

// Recursion is as deep as the text was nested, which the compiler bounds. Operands and arguments of conditions are expanded
// at the end of the output itself, and taken off again: no temporary strings.
class Evaluator {
 public:
  Evaluator(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max)
      : program_(program), context_(context), out_(out), limit_(out.size() + output_max) {}

  bool run(Span span) {
    for (std::uint32_t i = 0; i < span.count; ++i)
      if (!run(program_.node(span.first + i))) return false;
    return true;
  }

  EvalResult result() && { return std::move(result_); }

 private:
  bool run(const Node& node) {
    switch (node.kind) {
      case NodeKind::literal: return append(program_.literal(node));
      case NodeKind::variable: return append(context_.variable(node.variable, scratch_));
      case NodeKind::operation: return run_operation(node);
      case NodeKind::choice: return run_choice(program_.choice(node.index));
    }
    return false;
  }

  bool append(std::string_view bytes) {
    if (bytes.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
    out_.append(bytes);
    return true;
  }

  bool fail(std::string why) {
    result_ = {.status = EvalStatus::failed, .why = std::move(why)};
    return false;
  }

  bool run_operation(const Node& node) {
    const std::size_t from = out_.size();
    if (!run(program_.span(node.index))) return false;
    operators()[node.row].apply(out_, from);
    return out_.size() <= limit_ || fail("the result of the expansion is too long");
  }

  bool run_choice(const Choice& choice) {
    const std::optional<bool> truth = test(program_.condition(choice.condition));
    if (!truth) return false;
    if (*truth) return choice.has_yes ? run(choice.yes) : append("true");
    if (choice.otherwise == Otherwise::nothing) return run(choice.no);
    result_ = {.status = EvalStatus::forced_failure, .why = "\"if\" failed and \"fail\" requested"};
    return false;
  }

  // Nothing after a failure.
  std::optional<bool> test(const ConditionNode& condition) {
    const std::optional<bool> plain = test_plain(condition);
    if (!plain) return plain;
    return *plain != condition.negated;
  }

  std::optional<bool> test_plain(const ConditionNode& condition) {
    const ConditionDef& row = conditions()[condition.row];
    switch (row.shape) {
      case Shape::variable: return !context_.variable(condition.variable, scratch_).empty();
      case Shape::conditions: return test_each(row.any, condition.arguments);
      case Shape::one_string:
      case Shape::two_strings:
      case Shape::two_numbers: return test_strings(row, condition.arguments);
      case Shape::not_built: break;
    }
    return std::nullopt;
  }

  // Stops at the first that decides: true for or, false for and.
  std::optional<bool> test_each(bool any, Span inner) {
    for (std::uint32_t i = 0; i < inner.count; ++i) {
      const std::optional<bool> truth = test(program_.condition(inner.first + i));
      if (!truth || *truth == any) return truth;
    }
    return !any;
  }

  std::optional<bool> test_strings(const ConditionDef& row, Span arguments) {
    const std::size_t from = out_.size();
    std::size_t middle = from;
    if (!run(program_.span(arguments.first))) return std::nullopt;
    if (arguments.count == 2) {
      middle = out_.size();
      if (!run(program_.span(arguments.first + 1))) return std::nullopt;
    }
    const std::string_view all = out_;
    const std::optional<bool> truth = arguments.count == 1 ? test_one(row, all.substr(from))
                                                           : test_two(row, all.substr(from, middle - from), all.substr(middle));
    out_.resize(from);
    return truth;
  }

  std::optional<bool> test_one(const ConditionDef& row, std::string_view text) {
    std::string why;
    const std::optional<bool> truth = row.one(text, why);
    if (!truth) fail(std::move(why));
    return truth;
  }

  std::optional<bool> test_two(const ConditionDef& row, std::string_view left, std::string_view right) {
    if (row.shape == Shape::two_strings) return row.two(left, right);
    std::string why;
    const std::optional<std::int64_t> a = read_integer(left, why);
    const std::optional<std::int64_t> b = a ? read_integer(right, why) : std::nullopt;
    if (a && b) return row.numbers(*a, *b);
    fail(std::move(why));
    return std::nullopt;
  }

  const Program& program_;
  const EvalContext& context_;
  std::string& out_;
  std::size_t limit_;
  std::string scratch_;
  EvalResult result_;
};

}  // namespace

EvalResult evaluate(const Program& program, const Part& part, const EvalContext& context, std::string& out,
                    std::size_t output_max) {
  const std::size_t before = out.size();
  Evaluator evaluator(program, context, out, output_max);
  if (!evaluator.run(part)) out.resize(before);
  return std::move(evaluator).result();
}

EvalResult evaluate(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max) {
  return evaluate(program, program.root(), context, out, output_max);
}

Task<EvalResult> evaluate_waiting(const Program& program, const EvalContext& context, std::string& out,
                                  std::size_t output_max) {
  co_return evaluate(program, context, out, output_max);
}

}  // namespace postern::expand
