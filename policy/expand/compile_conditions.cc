// The conditions of ${if, ${filter and their kin, as jumps: what does not decide is not evaluated.
#include <fmt/format.h>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/compiler.h"
#include "policy/expand/nearest.h"

namespace postern::expand {

namespace {

constexpr bool is_name_char(char c) noexcept { return smtp::is(smtp::CharClass::let_dig, c) || c == '_'; }

constexpr std::string_view ordinal(std::size_t k) noexcept { return k == 0 ? "1st" : "2nd"; }

}  // namespace

bool Compiler::read_condition(bool& holds) {
  bool negated = false;
  for (skip_space(); at('!'); skip_space()) {
    negated = !negated;
    ++at_;
  }
  const std::size_t where = at_;
  const std::string_view name = take_condition_name();
  if (name.empty())
    return fail(where, fmt::format("condition name expected, but found \"{}\"", printable(source_.substr(where, 16))));
  const ConditionDef* const row = find_condition(name);
  if (row == nullptr)
    return fail(where, fmt::format("unknown condition \"{}\"", printable(name, 64)), did_you_mean(name, conditions()));
  if (row->shape == Shape::not_built)
    return leave_out(where, fmt::format("the condition \"{}\" cannot be used: {}", name, row->not_built));
  using enum Shape;
  const bool asks = row->shape == matches_list || row->shape == exists || row->shape == acl;
  if (asks && !wants_services(where, fmt::format("the condition \"{}\"", name))) return false;
  if (row->shape == acl && !services_->has_acls())
    return leave_out(where, fmt::format("the condition \"{}\" {}", name, kNoAcls));
  if (!read_plain_condition(*row, name, holds)) return false;
  if (negated) emit({.op = Op::negate});
  return true;
}

bool Compiler::read_plain_condition(const ConditionDef& row, std::string_view name, bool& holds) {
  const auto number = static_cast<std::uint16_t>(&row - conditions().data());
  ReadArguments arguments;
  switch (row.shape) {
    case Shape::variable: return read_def();
    case Shape::conditions: return read_conditions(row, name, holds);
    case Shape::match: return read_match(name, holds);
    case Shape::matches_list: return read_matches_list(row, name, holds);
    case Shape::each: return read_each(row, name, holds);
    case Shape::acl: return read_acl_condition(name, holds);
    case Shape::nothing:
      emit({.op = row.op});
      program_.needs_only_variables_ = false;
      return true;
    case Shape::one_string:
      if (!read_condition_arguments(name, 1, arguments)) return false;
      emit({.op = Op::test_one, .row = number});
      return true;
    case Shape::two_strings:
      if (!read_condition_arguments(name, 2, arguments)) return false;
      emit({.op = Op::test_two, .row = number});
      return true;
    case Shape::two_numbers:
      if (!read_condition_arguments(name, 2, arguments)) return false;
      emit({.op = Op::test_numbers, .row = number});
      return true;
    case Shape::in_list:
      if (!read_condition_arguments(name, 2, arguments)) return false;
      emit({.op = Op::test_inlist, .flag = static_cast<std::uint8_t>(row.ignore_case ? 1 : 0)});
      around_.value = arguments.known[1].changed();
      holds = true;
      return true;
    case Shape::exists:
      if (!read_condition_arguments(name, 1, arguments)) return false;
      if (!refuse_peers(arguments.at[0], arguments.known[0], "a file's name")) return false;
      emit({.op = Op::test_exists});
      may_wait(true);
      return true;
    case Shape::srs:
      if (!read_arguments(name, 0, 2, arguments)) return false;
      if (arguments.count < 2) return fail(at_, "too few arguments or bracketing error for inbound_srs");
      emit({.op = Op::test_srs});
      program_.needs_only_variables_ = false;
      return true;
    case Shape::not_built: break;
  }
  return false;
}

std::string_view Compiler::take_condition_name() noexcept {
  if (at_end() || std::string_view("<>=").find(source_[at_]) == std::string_view::npos) return take_while(is_name_char);
  const std::size_t length = at_ + 1 < source_.size() && source_[at_ + 1] == '=' ? 2 : 1;
  at_ += length;
  return source_.substr(at_ - length, length);
}

bool Compiler::read_def() {
  if (!at(':')) return fail(at_, "\":\" expected after \"def\"");
  ++at_;
  const std::size_t where = at_;
  const std::string_view name = take_while(is_name_char);
  if (name.empty()) return fail(where, "variable name omitted after \"def:\"");
  if (smtp::is(smtp::CharClass::digit, name.front()))
    return fail(where, fmt::format("unknown variable \"{}\" after \"def:\"", printable(name, 64)));
  const std::uint32_t mark = emit({.op = Op::mark});
  Known unused;
  if (!add_variable(name, where, unused, true)) return false;
  const Instruction value = program_.code_.back();
  const Op direct = value.op == Op::variable       ? Op::test_variable
                    : value.op == Op::acl_variable ? Op::test_acl_variable
                    : value.op == Op::header       ? Op::test_header
                                                   : Op::nothing;
  if (direct == Op::nothing) {
    emit({.op = Op::test_set});
    return true;
  }
  drop_code(mark);
  emit({.op = direct, .a = value.a, .b = value.b});
  return true;
}

bool Compiler::read_condition_arguments(std::string_view name, std::size_t count, ReadArguments& arguments) {
  for (std::size_t k = 0; k < count; ++k) {
    skip_space();
    if (!at('{')) {
      if (k > 0) return fail(at_, fmt::format("missing {} string in {{}} after \"{}\"", ordinal(k), name));
      return fail(at_, uses_header_ ? "missing or misplaced { or } - could be header name not terminated by colon"
                                    : fmt::format("missing {{ after \"{}\"", name));
    }
    if (!read_argument(arguments)) return false;
  }
  return true;
}

// "{ {condition} {condition} ... }".
bool Compiler::read_conditions(const ConditionDef& row, std::string_view name, bool& holds) {
  if (++depth_ > kNestingMax) return fail(at_, fmt::format("more than {} nested conditions", kNestingMax));
  skip_space();
  if (!at('{')) return fail(at_, fmt::format("missing {{ after \"{}\"", name));
  ++at_;
  std::vector<std::uint32_t> jumps;
  emit({.op = Op::set_truth, .flag = static_cast<std::uint8_t>(row.any ? 0 : 1)});
  for (skip_space(); at('{'); skip_space()) {
    ++at_;
    if (!read_condition(holds)) {
      if (reason_.starts_with("unknown condition") && !reason_.ends_with("condition"))
        reason_ += fmt::format(" inside \"{}{{...}}\" condition", name);
      return false;
    }
    skip_space();
    if (!at('}')) return fail(at_, fmt::format("missing }} at end of condition inside \"{}\" group", name));
    ++at_;
    jumps.push_back(emit({.op = row.any ? Op::jump_if : Op::jump_unless}));
  }
  if (!at('}'))
    return fail(at_, fmt::format("each subcondition inside an \"{}{{...}}\" condition must be in its own {{}}", name));
  ++at_;
  for (const std::uint32_t jump : jumps) land(jump);
  --depth_;
  return true;
}

bool Compiler::read_match(std::string_view name, bool& holds) {
  ReadArguments arguments;
  if (!read_condition_arguments(name, 2, arguments)) return false;
  holds = true;
  around_.captures = arguments.known[0].changed();
  const std::optional<std::string_view> pattern = constant(arguments.code[1]);
  if (!pattern) {
    emit({.op = Op::test_match});
    return true;
  }
  auto compiled = Regex::compile(*pattern);
  if (!compiled) return fail(arguments.at[1], std::move(compiled.error()));
  program_.regexes_.push_back(std::move(*compiled));
  drop_code(arguments.code[1]);
  emit({.op = Op::test_match, .flag = 1, .a = static_cast<std::uint32_t>(program_.regexes_.size() - 1)});
  return true;
}

bool Compiler::read_matches_list(const ConditionDef& row, std::string_view name, bool& holds) {
  ReadArguments arguments;
  if (!read_condition_arguments(name, 2, arguments)) return false;
  holds = true;
  around_.value = Known::maybe();  // a lookup in the list may have found a stranger's
  around_.captures = around_.captures | arguments.known[0].changed();
  if (!refuse_peers(arguments.at[1], arguments.known[1], "a list")) return false;
  const std::optional<std::string_view> list = constant(arguments.code[1]);
  const auto kind = static_cast<std::uint8_t>(row.kind);
  // Only a text that stands here as it is keeps its place for errors.
  const bool stands_here = list && !fixed_at_ && source_.substr(arguments.at[1], list->size()) == *list;
  if (!stands_here) {
    emit({.op = Op::test_list, .flag = kind});
    may_wait(true);
    return true;
  }
  const auto found = services_->find_list(row.kind, text_.slice(arguments.at[1], list->size()));
  if (!found) return fail(arguments.at[1], found.error());
  may_wait(found->may_wait);
  if (found->handle == kListText) {
    emit({.op = Op::test_list, .flag = kind});
    return true;
  }
  program_.lists_.push_back(found->handle);
  drop_code(arguments.code[1]);
  emit({.op = Op::test_list, .flag = kind, .a = static_cast<std::uint32_t>(program_.lists_.size() - 1), .b = 1});
  return true;
}

bool Compiler::read_each(const ConditionDef& row, std::string_view name, bool& holds) {
  if (++depth_ > kNestingMax) return fail(at_, fmt::format("more than {} nested conditions", kNestingMax));
  ReadArguments list;
  if (!read_condition_arguments(name, 1, list)) return false;
  const LoopKind kind = row.any ? LoopKind::forany : LoopKind::forall;
  emit({.op = Op::loop_begin, .flag = static_cast<std::uint8_t>(kind), .row = 1, .a = static_cast<std::uint32_t>(row.items)});
  const Known item = std::exchange(around_.item, list.known[0].changed());
  const std::uint32_t next = emit({.op = Op::loop_next});
  skip_space();
  if (!at('{')) return fail(at_, fmt::format("missing {{ after \"{}\"", name));
  ++at_;
  if (!read_condition(holds)) {
    if (reason_.starts_with("unknown condition")) reason_ += fmt::format(" inside \"{}\" condition", name);
    return false;
  }
  skip_space();
  if (!at('}')) return fail(at_, fmt::format("missing }} at end of condition inside \"{}\"", name));
  ++at_;
  const std::uint32_t keep = emit({.op = Op::loop_keep, .a = next});
  land(next);
  program_.code_[keep].b = here();
  emit({.op = Op::loop_end});
  around_.item = item;
  --depth_;
  return true;
}

// {{name}{argument}...}
bool Compiler::read_acl_condition(std::string_view name, bool& holds) {
  skip_space();
  if (!at('{')) return fail(at_, fmt::format("missing {{ after \"{}\"", name));
  ++at_;
  ReadArguments arguments;
  skip_space();
  if (!at('{')) return fail(at_, "too few arguments or bracketing error for acl");
  if (!read_arguments(name, 1, 10, arguments)) return false;
  if (!at('}')) return fail(at_, "too many arguments or bracketing error for acl");
  ++at_;
  if (!refuse_peers(arguments.at[0], arguments.known[0], "the name of an ACL")) return false;
  emit({.op = Op::test_acl, .flag = static_cast<std::uint8_t>(arguments.count)});
  may_wait(true);
  holds = true;
  around_.value = Known::maybe();
  return true;
}

}  // namespace postern::expand
