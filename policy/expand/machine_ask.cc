// What the machine asks of the world: the question from the arguments, and what its answer does.
#include <algorithm>
#include <charconv>

#include "engine/base/peer_text.h"
#include "policy/expand/list_items.h"
#include "policy/expand/machine.h"
#include "policy/expand/readsocket_options.h"

namespace postern::expand {

template <class Q>
bool Machine::ask(const Q& question, std::optional<Answer> (Services::*now)(const Q&)) {
  Services* const services = context_.services();
  if (services == nullptr) return fail("nothing but values can be used here: no lookups, lists, files and ACLs");
  std::optional<Answer> answer = (services->*now)(question);
  if (answer) return receive(std::move(*answer));
  question_ = question;
  return false;
}

bool Machine::ask_variable(VariableId id) {
  Services* const services = context_.services();
  if (services == nullptr) {
    arguments_.base = out_.size();
    return append(context_.variable(id, scratch_), Taint::peers());
  }
  arguments_.base = out_.size();
  std::optional<Answer> answer = services->fetch_now(id);
  if (answer) return receive(std::move(*answer));
  question_ = id;
  return false;
}

bool Machine::refuse_peers(std::size_t argument, std::string_view what) {
  if (arguments_.taint[argument].is_ours()) return true;
  std::string why = "attempt to use tainted string '";
  append_printable(why, arguments_.text[argument], 256);
  return fail(why.append("' for ").append(what));
}

bool Machine::ask_file(FileQuestion::Kind kind, std::string_view) {
  return ask(FileQuestion{kind, arguments_.text[0], limit_ - out_.size()}, &Services::file_now);
}

bool Machine::ask_lookup(const Instruction& i) {
  const Program::Lookup& lookup = program_->lookups_[i.a];
  if (lookup.query_style) {
    take_arguments(1);
    if (!arguments_.taint[0].may_stand_in_query(lookup.quoter))
      return fail("tainted search query is not properly quoted: " + printable(arguments_.text[0], 256));
    return ask(LookupQuestion{lookup.handle, arguments_.text[0], {}}, &Services::lookup_now);
  }
  take_arguments(2);
  if (!arguments_.taint[1].is_ours()) return refuse_peers(1, "the file of a lookup");
  return ask(LookupQuestion{lookup.handle, arguments_.text[0], arguments_.text[1]}, &Services::lookup_now);
}

bool Machine::ask_list(const Instruction& i) {
  const auto kind = static_cast<ListKind>(i.flag);
  if (i.b != 0) {
    take_arguments(1);
    return ask(ListQuestion{kind, program_->lists_[i.a], {}, arguments_.text[0]}, &Services::match_now);
  }
  take_arguments(2);
  if (!refuse_peers(1, "a list")) return false;
  return ask(ListQuestion{kind, kListText, arguments_.text[1], arguments_.text[0]}, &Services::match_now);
}

bool Machine::ask_acl(const Instruction& i) {
  take_arguments(i.flag);
  if (!refuse_peers(0, "the name of an ACL")) return false;
  AclQuestion question{arguments_.text[0], arguments_.texts().subspan(1)};
  for (std::size_t k = 1; k < arguments_.count; ++k)
    if (!arguments_.taint[k].is_ours()) question.peers_arguments |= 1u << (k - 1);
  return ask(question, &Services::acl_now);
}

bool Machine::ask_socket(const Instruction& i) {
  take_arguments(i.flag);
  if (!refuse_peers(0, "readsocket")) return false;
  ReadSocketQuestion question{.address = arguments_.text[0], .request = arguments_.text[1]};
  why_.clear();
  if (arguments_.count > 2 && !read_socket_options(arguments_.text[2], question, why_)) return fail(std::move(why_));
  if (context_.services() == nullptr) return fail("readsocket cannot be used here");
  question_ = question;
  return false;
}

bool Machine::ask_run(const Instruction& i) {
  take_arguments(i.flag);
  if (!refuse_peers(0, "the name of a program")) return false;
  RunQuestion question{arguments_.texts(), false};
  for (std::size_t k = 1; k < arguments_.count; ++k) question.peers_arguments |= !arguments_.taint[k].is_ours();
  if (context_.services() == nullptr) return fail("run cannot be used here");
  question_ = question;
  return false;
}

bool Machine::receive(Answer&& answer) {
  const Instruction& i = program_->code_[next_ - 1];
  const bool has_value = answer.status == Answer::Status::found;
  const Taint taint = Taint::of(answer.bytes);
  if (i.op == Op::read_socket) return receive_socket(i, answer);
  if (i.op == Op::acl || i.op == Op::test_acl) return receive_acl(answer, i.op == Op::test_acl);
  if (i.op == Op::lookup && !has_value && answer.status != Answer::Status::not_found) {
    const std::string key = printable(arguments_.text[0], 256);
    return fail_as(answer.status == Answer::Status::deferred ? EvalStatus::deferred : EvalStatus::failed,
                   answer.status == Answer::Status::deferred ? "lookup of \"" + key + "\" gave DEFER: " + answer.why
                                                             : std::move(answer.why));
  }
  if (answer.status == Answer::Status::deferred) return fail_as(EvalStatus::deferred, std::move(answer.why));
  if (answer.status == Answer::Status::failed) return fail(std::move(answer.why));
  switch (i.op) {
    case Op::fetched: return append_result(has_value ? std::string_view(answer.value) : std::string_view(), taint);
    case Op::lookup: return has_value ? receive_found(answer) : set_not_found();
    case Op::test_list: return has_value ? receive_match(answer) : decide(false);
    case Op::test_exists: return decide(has_value);
    case Op::stat: return append_result(answer.value, taint);
    case Op::read_file: return receive_file(answer);
    case Op::run: return receive_run(answer);
    default: return fail("an answer that nobody asked for");
  }
}

// What a partial match left away stays on the output with its key, for $1 and $2.
bool Machine::receive_found(const Answer& answer) {
  if (!answer.wild) return set_found(answer.value, Taint::of(answer.bytes));
  const std::string key(arguments_.text[0]);
  const Taint key_taint = arguments_.taint[0].changed();
  if (!set_found(answer.value, Taint::of(answer.bytes))) return false;
  if (key.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
  Captures captures{out_.size(), key_taint, {}, false};
  out_.append(key);
  const auto end = static_cast<std::uint32_t>(key.size());
  captures.groups.count = 3;
  captures.groups.ranges[1] = {0, static_cast<std::uint32_t>(std::min(answer.wild->wild_end, key.size()))};
  captures.groups.ranges[2] = {static_cast<std::uint32_t>(std::min(answer.wild->fixed_begin, key.size())), end};
  captures_.push_back(captures);
  return spend(key.size());
}

bool Machine::receive_match(const Answer& answer) {
  const Taint subject = arguments_.taint[0].changed();
  if (!set_found(answer.value, Taint::of(answer.bytes))) return false;
  if (answer.captures.empty()) return true;
  Captures captures{out_.size(), subject, {}};
  captures.groups.count = static_cast<std::uint32_t>(std::min(answer.captures.size(), captures.groups.ranges.size()));
  for (std::uint32_t n = 0; n < captures.groups.count; ++n) {
    const std::string& text = answer.captures[n];
    if (text.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
    const auto begin = static_cast<std::uint32_t>(out_.size() - captures.subject);
    captures.groups.ranges[n] = {begin, begin + static_cast<std::uint32_t>(text.size())};
    out_.append(text);
  }
  captures_.push_back(captures);
  return spend(out_.size() - captures.subject);
}

// Every line end becomes the text that was given for it.
bool Machine::receive_file(const Answer& answer) {
  const std::string line_end(arguments_.text[1]);
  const Taint taint = Taint::of(answer.bytes) + arguments_.taint[1];
  if (arguments_.count == 2 && line_end == "\n") return append_result(answer.value, taint);
  scratch_.clear();
  for (const char c : answer.value) {
    if (c == '\n') {
      scratch_.append(line_end);
      if (scratch_.size() > limit_) return fail("the result of the expansion is too long");
    } else {
      scratch_.push_back(c);
    }
  }
  return append_result(scratch_, taint);
}

bool Machine::receive_acl(const Answer& answer, bool is_condition) {
  const Taint taint = Taint::of(answer.bytes);
  switch (answer.status) {
    case Answer::Status::found:
    case Answer::Status::not_found: {
      if (!is_condition) return append_result(answer.value, taint);
      if (!set_found(answer.value, taint)) return false;
      truth_ = answer.status == Answer::Status::found;
      return true;
    }
    case Answer::Status::deferred:
    case Answer::Status::failed: break;
  }
  const bool deferred = answer.status == Answer::Status::deferred;
  const std::string name = printable(arguments_.text[0], 128);
  return fail_as(deferred ? EvalStatus::forced_failure : EvalStatus::failed,
                 (deferred ? "DEFER from acl \"" : "ERROR from acl \"") + name + "\"");
}

bool Machine::receive_socket(const Instruction& i, const Answer& answer) {
  if (answer.status != Answer::Status::found) {
    if (i.a == 0) return fail(answer.why);
    drop_arguments();
    next_ = i.a;
    return true;
  }
  if (arguments_.count < 4) return append_result(answer.value, Taint::of(answer.bytes));
  const std::string line_end(arguments_.text[3]);
  scratch_.clear();
  for (const char c : answer.value) {
    if (c == '\n') {
      scratch_.append(line_end);
    } else {
      scratch_.push_back(c);
    }
    if (scratch_.size() > limit_) return fail("the result of the expansion is too long");
  }
  return append_result(scratch_, Taint::of(answer.bytes) + arguments_.taint[3]);
}

bool Machine::receive_run(const Answer& answer) {
  runrc_ = answer.code;
  if (!set_found(answer.value, Taint::of(answer.bytes))) return false;
  truth_ = answer.code == 0;
  return true;
}

}  // namespace postern::expand
