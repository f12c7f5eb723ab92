#include "policy/expand/machine.h"

#include <utility>

#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"
#include "policy/expand/header_text.h"
#include "policy/expand/items.h"
#include "policy/expand/operators.h"
#include "policy/expand/our_text.h"
#include "policy/expand/text_certificate.h"

namespace postern::expand {

namespace {

// What an expansion that has ended leaves to the next one of its thread.
std::string& spare_scratch() {
  thread_local std::string spare;
  return spare;
}
constexpr std::size_t kSpareBytesMax = 4096;

}  // namespace

Machine::Machine(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max)
    : program_(&program), context_(context), out_(out), before_(out.size()), limit_(out.size() + output_max) {
  scratch_.swap(spare_scratch());
}

Machine::~Machine() {
  if (scratch_.capacity() <= kSpareBytesMax) scratch_.swap(spare_scratch());
}

void Machine::run() {
  end_ = static_cast<std::uint32_t>(program_->code_.size());
  go();
}

void Machine::run(const Part& part) {
  next_ = part.first;
  end_ = part.first + part.count;
  go();
}

void Machine::resume(Answer answer) {
  question_ = std::monostate();
  if (receive(std::move(answer))) go();
}

EvalResult Machine::take_result() {
  if (result_) {
    result_.bytes = taint_.bytes();
  } else {
    out_.resize(before_);
  }
  return std::move(result_);
}

void Machine::go() {
  while (true) {
    if (next_ == end_) {
      if (calls_.empty() || !return_from_call()) return;
      continue;
    }
    const Instruction& i = program_->code_[next_++];
    if (!spend(0) || !step(i)) return;
  }
}

bool Machine::step(const Instruction& i) {
  switch (i.op) {
    case Op::nothing: return true;
    case Op::literal: return append(program_->literal(i), {});
    case Op::variable: {
      const auto id = static_cast<VariableId>(i.a);
      const Bytes bytes = static_cast<Bytes>(i.flag);
      const std::string_view value = context_.variable(id, scratch_);
      return append(value, Taint::of(bytes == Bytes::depends ? context_.bytes_of(id) : bytes));
    }
    case Op::fetched: return ask_variable(static_cast<VariableId>(i.a));
    case Op::own_variable: return append_own(static_cast<OwnVariable>(i.flag));
    case Op::capture: return append_capture(i.a);
    case Op::acl_variable: return append_acl_variable(program_->literal(i));
    case Op::header:
      scratch_.clear();
      return append_header(context_, program_->literal(i), static_cast<HeaderForm>(i.flag), limit_ - out_.size(), scratch_)
                 ? append(scratch_, Taint::peers())
                 : fail("the result of the expansion is too long");
    case Op::mark:
      marks_.push({out_.size(), taint_});
      taint_ = {};
      return true;
    case Op::operate: return operate(i);
    case Op::quote_lookup:
    case Op::quote_peers: return quote_for_lookup(i);
    case Op::reexpand: return reexpand();
    case Op::reexpand_replacement: {
      const Piece& replacement = scopes_.top().replacement;
      return call(std::string_view(out_).substr(replacement.at, replacement.size), replacement.taint);
    }
    case Op::apply_item: return apply_item(i);
    case Op::prvs_sign: return sign_prvs(i);
    case Op::prvs_begin: return begin_prvs(i);
    case Op::prvs_check: return check_prvs();
    case Op::prvs_end: return end_prvs(i);
    case Op::find_in_certificate: return find_in_certificate(static_cast<VariableId>(i.a));
    case Op::auth_results: return write_auth_results();
    case Op::srs_encode: return encode_srs();
    case Op::list_named: return name_list(i);
    case Op::fail: return fail(std::string(program_->literal(i)));
    case Op::force_failure: return fail_as(EvalStatus::forced_failure, std::string(program_->literal(i)));

    case Op::read_file:
      take_arguments(2);
      return refuse_peers(0, "readfile") && ask_file(FileQuestion::Kind::content, "readfile");
    case Op::read_socket: return ask_socket(i);
    case Op::run: return ask_run(i);
    case Op::environment: return read_environment();
    case Op::lookup: return ask_lookup(i);
    case Op::acl:
    case Op::test_acl: return ask_acl(i);
    case Op::stat: take_arguments(1); return refuse_peers(0, "stat") && ask_file(FileQuestion::Kind::facts, "stat");
    case Op::find_in_text: return find_in_text(i);

    case Op::enter: enter(); return true;
    case Op::result: scopes_.top().result = out_.size(); return true;
    case Op::leave: leave(); return true;

    case Op::loop_begin: return begin_loop(i);
    case Op::loop_next: return next_of_loop(i);
    case Op::loop_keep: return keep_in_loop(i);
    case Op::loop_end: return end_loop(i);

    case Op::jump: next_ = i.a; return true;
    case Op::jump_if:
      if (truth_) next_ = i.a;
      return true;
    case Op::jump_unless:
      if (!truth_) next_ = i.a;
      return true;
    case Op::jump_unless_numeric: {
      const std::string_view text = std::string_view(out_).substr(marks_.top().at);
      if (!is_field_number(text)) next_ = i.a;
      return true;
    }
    default: return step_condition(i);
  }
}

bool Machine::fail(std::string why) { return fail_as(EvalStatus::failed, std::move(why)); }

bool Machine::fail_as(EvalStatus status, std::string why) {
  for (; !calls_.empty(); calls_.pop_back()) {
    std::string told = "internal expansion of \"";
    append_printable(told, calls_.back().callee->source(), 256);
    why = std::move(told.append("\" failed: ").append(why));
  }
  result_ = {.status = status, .why = std::move(why)};
  return false;
}

bool Machine::spend(std::size_t bytes) {
  const std::uint64_t steps = 1 + bytes / kBytesPerStep;
  if (steps > steps_left_) return fail("the expansion takes too many steps");
  steps_left_ -= steps;
  return true;
}

bool Machine::append(std::string_view bytes, Taint taint) {
  if (bytes.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
  out_.append(bytes);
  if (!bytes.empty()) taint_ += taint;
  return bytes.size() < kBytesPerStep || spend(bytes.size());
}

void Machine::take_arguments(std::size_t count) {
  std::size_t end = out_.size();
  arguments_.count = count;
  for (std::size_t k = count; k-- > 0;) {
    const Mark mark = marks_.top();
    marks_.pop();
    arguments_.text[k] = std::string_view(out_).substr(mark.at, end - mark.at);
    arguments_.taint[k] = taint_;
    taint_ = mark.before;
    end = mark.at;
  }
  arguments_.base = end;
}

// `bytes` do not stand on the output.
bool Machine::append_result(std::string_view bytes, Taint taint) {
  drop_arguments();
  return append(bytes, taint);
}

bool Machine::set_found(std::string_view value, Taint taint) {
  drop_arguments();
  if (value.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
  value_ = {out_.size(), value.size(), taint, true};
  out_.append(value);
  truth_ = true;
  return spend(value.size());
}

bool Machine::set_not_found() {
  drop_arguments();
  value_ = {};
  truth_ = false;
  return true;
}

bool Machine::decide(bool truth) {
  drop_arguments();
  truth_ = truth;
  return true;
}

bool Machine::append_piece(const Piece& piece) {
  if (piece.size > limit_ - out_.size()) return fail("the result of the expansion is too long");
  out_.append(out_, piece.at, piece.size);
  if (piece.size > 0) taint_ += piece.taint;
  return spend(piece.size);
}

bool Machine::append_capture(std::uint32_t number) {
  auto last = captures_.rbegin();
  while (number == 0 && last != captures_.rend() && !last->has_whole) ++last;
  if (last == captures_.rend()) {
    const std::optional<Held> held = context_.capture(number);
    return !held || append(held->text, Taint::of(held->bytes));
  }
  const Captures& captures = *last;
  if (number >= captures.groups.count) return true;
  const Regex::Captures::Range range = captures.groups.ranges[number];
  return append_piece({captures.subject + range.begin, range.end - range.begin, captures.taint, true});
}

bool Machine::append_acl_variable(std::string_view name) {
  const std::optional<Held> held = context_.acl_variable(name);
  return !held || append(held->text, Taint::of(held->bytes));
}

bool Machine::operate(const Instruction& i) {
  take_arguments(1);
  const OperatorDef& row = operators()[i.row];
  why_.clear();
  if (!spend(out_.size() - arguments_.base)) return false;
  if (!row.apply(out_, arguments_.base, program_->literal(i), why_)) return fail(std::move(why_));
  if (out_.size() > limit_) return fail("the result of the expansion is too long");
  if (i.flag == 0) taint_ += arguments_.taint[0].changed();
  return true;
}

bool Machine::quote_for_lookup(const Instruction& i) {
  take_arguments(1);
  if (i.op == Op::quote_peers) {
    const Taint taint = arguments_.taint[0];
    if (!taint.is_ours() && follows_lone_backslash())
      return fail("tainted search query: a backslash stands before what a peer chose");
    if (taint.may_stand_in_query(i.flag)) {
      taint_ += taint;
      return true;
    }
  }
  why_.clear();
  if (!spend(out_.size() - arguments_.base)) return false;
  if (!operators()[i.row].apply(out_, arguments_.base, program_->literal(i), why_)) return fail(std::move(why_));
  if (out_.size() > limit_) return fail("the result of the expansion is too long");
  if (!arguments_.taint[0].is_ours()) taint_ += Taint::quoted(i.flag);
  return true;
}

// In front of the arguments, and within the text that they are part of: one that would take the first byte of a quoted text's
// quoting.
bool Machine::follows_lone_backslash() noexcept {
  std::size_t count = 0;
  while (arguments_.base - count > marks_.top().at && out_[arguments_.base - count - 1] == '\\') ++count;
  return count % 2 != 0;
}

bool Machine::reexpand() {
  take_arguments(1);
  scratch_ = arguments_.text[0];
  const Taint taint = arguments_.taint[0];
  drop_arguments();
  return call(scratch_, taint);
}

// Goes on in `text`, and comes back behind the instruction that called.
bool Machine::call(std::string_view text, Taint taint) {
  if (!taint.is_ours()) return fail("attempt to expand tainted string '" + printable(text, 256) + "'");
  if (calls_.size() >= kReexpansionsMax) return fail("too many expansions within expansions");
  if (!spend(text.size() * 8)) return false;
  why_.clear();
  std::optional<Program> made = compile_or_why(OurText::of(text, taint), why_, context_.compile_services());
  if (!made) return fail("internal expansion of \"" + printable(text, 256) + "\" failed: " + why_);
  auto callee = std::make_unique<const Program>(std::move(*made));
  const Program* const entered = callee.get();
  calls_.push_back({program_, next_, end_, std::move(callee)});
  program_ = entered;
  next_ = 0;
  end_ = static_cast<std::uint32_t>(entered->code_.size());
  return true;
}

bool Machine::return_from_call() {
  const Call& call = calls_.back();
  program_ = call.program;
  next_ = call.next;
  end_ = call.end;
  calls_.pop_back();
  return true;
}

bool Machine::apply_item(const Instruction& i) {
  take_arguments(i.flag);
  const ItemDef& row = items()[i.row];
  why_.clear();
  scratch_.clear();
  if (!spend(out_.size() - arguments_.base)) return false;
  if (row.apply(arguments_.texts(), scratch_, why_) == ItemOutcome::failed) return fail(std::move(why_));
  return append_result(scratch_, row.makes_ours ? Taint() : arguments_.all().changed());
}

bool Machine::find_in_text(const Instruction& i) {
  take_arguments(i.flag);
  const ItemDef& row = items()[i.row];
  why_.clear();
  scratch_.clear();
  if (!spend(out_.size() - arguments_.base)) return false;
  const ItemFn find = i.a == 0 ? row.apply : row.apply_to_fields;
  switch (find(arguments_.texts(), scratch_, why_)) {
    case ItemOutcome::found: return set_found(scratch_, arguments_.taint[arguments_.count - 1].changed());
    case ItemOutcome::not_found: return set_not_found();
    case ItemOutcome::failed: break;
  }
  return fail(std::move(why_));
}

bool Machine::find_in_certificate(VariableId id) {
  take_arguments(1);
  const std::string_view bytes = context_.certificate(id);
  if (bytes.empty()) return set_not_found();
  constexpr std::size_t kWork = 16;  // that a byte of one makes, in bytes of text
  if (!spend(kWork * bytes.size())) return false;
  const std::optional<crypto::Certificate> certificate = crypto::Certificate::parse(bytes);
  if (!certificate) return fail("certextract: the certificate cannot be read");
  why_.clear();
  const bool is_peers = id == VariableId::tls_in_peercert || id == VariableId::tls_out_peercert;
  switch (certificate_field(arguments_.text[0], *certificate, scratch_, why_)) {
    case ItemOutcome::found: return set_found(scratch_, is_peers ? Taint::peers() : Taint());
    case ItemOutcome::not_found: return set_not_found();
    case ItemOutcome::failed: break;
  }
  return fail(std::move(why_));
}

bool Machine::write_auth_results() {
  take_arguments(1);
  const Services* const services = context_.services();
  if (services == nullptr) return fail("authresults cannot be used here");
  const std::string field = services->auth_results(arguments_.text[0]);
  return append_result(field, Taint::peers());
}

bool Machine::read_environment() {
  take_arguments(1);
  Services* const services = context_.services();
  if (services == nullptr) return fail("the environment cannot be used here");
  const std::optional<std::string> value = services->environment(arguments_.text[0]);
  return value ? set_found(*value, {}) : set_not_found();
}

void Machine::enter() {
  Scope scope;
  scope.base = out_.size();
  scope.captures = captures_.size();
  scope.value = value_;
  scope.item = item_;
  scopes_.push(scope);
}

void Machine::leave() {
  const Scope scope = scopes_.top();
  out_.erase(scope.base, scope.result - scope.base);
  restore(scope);
}

void Machine::restore(const Scope& scope) {
  value_ = scope.value;
  item_ = scope.item;
  captures_.resize(scope.captures);
  scopes_.pop();
}

}  // namespace postern::expand
