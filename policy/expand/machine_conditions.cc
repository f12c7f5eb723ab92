#include "engine/smtp/chars.h"
#include "policy/expand/conditions.h"
#include "policy/expand/header_text.h"
#include "policy/expand/list_items.h"
#include "policy/expand/machine.h"

namespace postern::expand {

bool Machine::step_condition(const Instruction& i) {
  switch (i.op) {
    case Op::set_truth: truth_ = i.flag != 0; return true;
    case Op::negate: truth_ = !truth_; return true;
    case Op::test_one:
    case Op::test_two: return test_strings(i);
    case Op::test_numbers: return test_numbers(i);
    case Op::test_set: take_arguments(1); return decide(!arguments_.text[0].empty());
    case Op::test_variable: truth_ = !context_.variable(static_cast<VariableId>(i.a), scratch_).empty(); return true;
    case Op::test_acl_variable: {
      const std::optional<Held> held = context_.acl_variable(program_->literal(i));
      truth_ = held && !held->text.empty();
      return true;
    }
    case Op::test_header: truth_ = has_header(context_, program_->literal(i)); return true;
    case Op::test_srs: return test_srs();
    case Op::test_match: return test_match(i);
    case Op::test_inlist: return test_inlist(i);
    case Op::test_list: return ask_list(i);
    case Op::test_exists: take_arguments(1); return refuse_peers(0, "exists") && ask_file(FileQuestion::Kind::exists, "exists");
    case Op::test_first_delivery: truth_ = context_.is_first_delivery(); return true;
    case Op::test_queue_running: truth_ = context_.is_queue_running(); return true;
    default: return fail("an instruction that is none");
  }
}

bool Machine::test_strings(const Instruction& i) {
  const ConditionDef& row = conditions()[i.row];
  take_arguments(i.op == Op::test_one ? 1 : 2);
  if (!spend(out_.size() - arguments_.base)) return false;
  if (row.two != nullptr) return decide(row.two(arguments_.text[0], arguments_.text[1]));
  why_.clear();
  const std::optional<bool> truth =
      row.one != nullptr ? row.one(arguments_.text[0], why_) : row.fallible(arguments_.text[0], arguments_.text[1], why_);
  return truth ? decide(*truth) : fail(std::move(why_));
}

bool Machine::test_numbers(const Instruction& i) {
  take_arguments(2);
  why_.clear();
  const std::optional<std::int64_t> a = read_integer(arguments_.text[0], why_);
  const std::optional<std::int64_t> b = a ? read_integer(arguments_.text[1], why_) : std::nullopt;
  return a && b ? decide(conditions()[i.row].numbers(*a, *b)) : fail(std::move(why_));
}

// After a match its subject stays on the output, for the captures.
bool Machine::test_match(const Instruction& i) {
  const bool is_constant = i.flag != 0;
  take_arguments(is_constant ? 1 : 2);
  if (!spend(out_.size() - arguments_.base)) return false;
  std::shared_ptr<const Regex> made;
  if (!is_constant) {
    auto compiled = Regex::compile(arguments_.text[1]);
    if (!compiled) return fail(std::move(compiled.error()));
    if (!spend(16 * kBytesPerStep)) return false;
    made = std::move(*compiled);
  }
  const Regex& regex = is_constant ? *program_->regexes_[i.a] : *made;
  Captures captures{arguments_.base, arguments_.taint[0].changed(), {}};
  const Regex::Outcome outcome = regex.match(arguments_.text[0], 0, captures.groups, regex_steps_left_);
  if (outcome == Regex::Outcome::gave_up) return fail("regular expression match takes too many steps");
  if (outcome == Regex::Outcome::no_match) return decide(false);
  out_.resize(arguments_.base + arguments_.text[0].size());
  captures_.push_back(captures);
  truth_ = true;
  return true;
}

bool Machine::test_inlist(const Instruction& i) {
  take_arguments(2);
  if (!spend(out_.size() - arguments_.base)) return false;
  ListItems list(arguments_.text[1]);
  for (scratch_.clear(); list.next(scratch_); scratch_.clear()) {
    const bool equal = i.flag != 0 ? smtp::equal_ignoring_case(scratch_, arguments_.text[0]) : scratch_ == arguments_.text[0];
    if (equal) return set_found(scratch_, arguments_.taint[1].changed());
  }
  return decide(false);
}

}  // namespace postern::expand
