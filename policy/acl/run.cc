#include "policy/acl/run.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "engine/base/peer_text.h"
#include "policy/acl/conditions.h"
#include "policy/acl/trace.h"

namespace postern::acl {

namespace {

using expand::EvalStatus;
using expand::Program;

std::string expansion_failure(std::string_view what, const Program& text, const std::string& why) {
  std::string message = "failed to expand ACL ";
  message.append(what).append(" \"");
  append_printable(message, text.source(), 256);
  return message.append("\": ").append(why);
}

// The text that is expanded before the step is done; null where there is none, or where it was read at load.
const Program* text_of(const Argument& argument) {
  const auto unread = [](const auto& told) { return told.words ? nullptr : &told.text; };
  if (const auto* program = std::get_if<Program>(&argument)) return program;
  if (const auto* assignment = std::get_if<Assignment>(&argument)) return &assignment->value;
  if (const auto* control = std::get_if<Told<ControlSetting>>(&argument)) return unread(*control);
  if (const auto* verify = std::get_if<Told<VerifyWords>>(&argument)) return unread(*verify);
  if (const auto* rate = std::get_if<Told<ratelimit::RateWords>>(&argument)) return unread(*rate);
  if (const auto* lists = std::get_if<Told<dnsbl::Dnslists>>(&argument)) return unread(*lists);
  return nullptr;
}

// What a statement whose conditions came out as `truth` decides; nothing when the next one is to be asked.
std::optional<AclVerdict> verdict_of(Verb verb, bool truth, bool endpass, bool discards, bool drops) {
  const AclVerdict refusal = drops ? AclVerdict::drop : AclVerdict::deny;
  switch (verb) {
    case Verb::accept:
    case Verb::discard:
      if (truth) return verb == Verb::accept && !discards ? AclVerdict::accept : AclVerdict::discard;
      return endpass ? std::optional(refusal) : std::nullopt;
    case Verb::defer: return truth ? std::optional(AclVerdict::defer) : std::nullopt;
    case Verb::deny: return truth ? std::optional(AclVerdict::deny) : std::nullopt;
    case Verb::drop: return truth ? std::optional(AclVerdict::drop) : std::nullopt;
    case Verb::require: return truth ? std::nullopt : std::optional(refusal);
    case Verb::warn: break;
  }
  return std::nullopt;
}

std::string_view result_text(Truth truth) {
  switch (truth) {
    case Truth::no: return "false";
    case Truth::yes: return "true";
    case Truth::ignored: return "skipped";
    case Truth::unknown:
    case Truth::error: return "deferred";
    case Truth::waits: break;
  }
  return {};
}

}  // namespace

AclRun::AclRun(const Acl& acl, const AclSubject& subject, std::span<const AclArgument> arguments)
    : subject_(subject), doing_{.subject = subject_} {
  first_.acl = &acl;
  first_.arguments = arguments;
  if (subject_.state == nullptr) return;
  base_depth_ = subject_.state->depth;
  outer_arguments_ = std::exchange(subject_.state->arguments, arguments);
  note_depth();
}

AclRun::~AclRun() {
  if (subject_.state == nullptr) return;
  subject_.state->arguments = outer_arguments_;
  subject_.state->depth = base_depth_;
}

void AclRun::note_depth() {
  if (subject_.state != nullptr) subject_.state->depth = depth() + 1;
}

bool AclRun::advance() {
  while (stage_ != Stage::done) {
    if (to_expand_ != nullptr || to_test_) return false;
    go_on();
  }
  return true;
}

Task<void> AclRun::wait() {
  if (to_expand_ != nullptr) {
    expanded_ = co_await expand::evaluate_waiting(*to_expand_, subject_.variables, doing_.text);
    to_expand_ = nullptr;
  } else {
    truth_ = co_await step().def->wait(doing_);
    to_test_ = false;
  }
}

void AclRun::go_on() {
  switch (stage_) {
    case Stage::statement: return begin_statement();
    case Stage::step: return begin_step();
    case Stage::argument: return begin_argument();
    case Stage::test: return test();
    case Stage::tested: return tested();
    case Stage::message: return message_expanded();
    case Stage::log_message: return log_message_expanded();
    case Stage::decided: return finish_frame();
    case Stage::done: return;
  }
}

void AclRun::begin_statement() {
  Frame& f = frame();
  if (f.statement >= f.acl->statements.size()) {
    f.outcome = {};  // at the end of an ACL stands an implicit deny
    stage_ = Stage::decided;
    return;
  }
  f.step = 0;
  f.endpass = f.discards = f.drops = false;
  f.message = f.log_message = nullptr;
  f.condition_message.clear();
  f.condition_log_message.clear();
  if (traces()) subject_.listener->begins(*f.acl, statement(), static_cast<unsigned>(frames_.size()));
  stage_ = Stage::step;
}

void AclRun::begin_step() {
  Frame& f = frame();
  const std::vector<Step>& steps = statement().steps;
  // What is only noted needs no stage of its own.
  for (; f.step < steps.size(); ++f.step) {
    const Step& next = steps[f.step];
    if (next.def->role == Role::message)
      f.message = &std::get<Program>(next.argument);
    else if (next.def->role == Role::log_message)
      f.log_message = &std::get<Program>(next.argument);
    else if (next.def->role == Role::endpass)
      f.endpass = true;
    else
      break;
  }
  if (f.step >= steps.size()) return judge(Truth::yes);
  doing_.step = &steps[f.step];
  doing_.text.clear();
  doing_.bytes = expand::Bytes::ours;
  doing_.why.clear();
  doing_.message.clear();
  doing_.log_message.clear();
  if (!phase_allows(*doing_.step)) {
    truth_ = Truth::error;
    stage_ = Stage::tested;
    return;
  }
  if (doing_.step->def->role == Role::call) {
    f.words.clear();
    stage_ = Stage::argument;
    return;
  }
  if (const Program* text = text_of(doing_.step->argument)) return expand(*text, Stage::test);
  expanded_ = {};
  stage_ = Stage::test;
}

bool AclRun::phase_allows(const Step& step) {
  if (!subject_.phase || (step.def->phases & set_of(*subject_.phase)) != 0) return true;
  // Exim calls modifiers so, too.
  doing_.why = fmt::format("cannot {} {} condition in {} ACL", is_condition(*step.def) ? "test" : "use", step.def->name,
                           definition_of(*subject_.phase).name);
  return false;
}

void AclRun::expand(const Program& program, Stage then) {
  stage_ = then;
  if (program.may_wait()) {
    to_expand_ = &program;
    return;
  }
  expanded_ = expand::evaluate(program, subject_.variables, doing_.text);
}

// The words of an ACL's call, one after the other.
void AclRun::begin_argument() {
  Frame& f = frame();
  const std::vector<Program>& words = std::get<AclCall>(step().argument).words;
  if (doing_.step != nullptr && !f.words.empty()) {
    // One was expanded.
    if (!expanded_) {
      stage_ = Stage::test;
      return;
    }
    f.words.back() = {std::move(doing_.text), expanded_.bytes};
    doing_.text.clear();
  }
  if (f.words.size() == words.size()) return call_acl();
  const Program& next = words[f.words.size()];
  f.words.emplace_back();
  expand(next, Stage::argument);
}

void AclRun::call_acl() {
  Frame& f = frame();
  const AclArgument name = std::move(f.words.front());
  std::vector<AclArgument> arguments(std::make_move_iterator(f.words.begin() + 1), std::make_move_iterator(f.words.end()));
  f.words.clear();
  doing_.text = name.text;
  stage_ = Stage::tested;
  truth_ = Truth::error;
  if (depth() + 1 >= kDepthMax) {
    doing_.why = "ACL nested too deep: possible loop";
    return;
  }
  if (subject_.world == nullptr) {
    doing_.why = "other ACLs cannot be asked here";
    return;
  }
  if (name.bytes == expand::Bytes::peers) {
    doing_.why = fmt::format("attempt to use tainted string \"{}\" as the name of an ACL", printable(name.text, 128));
    return;
  }
  std::shared_ptr<const Acl> found = subject_.world->find_acl(name.text, doing_.why);
  if (found == nullptr) return;
  if (traces())
    subject_.listener->did({.source = step().source.view(), .value = name.text, .result = "asked", .why = {}},
                           static_cast<unsigned>(frames_.size()));
  const Acl& acl = *found;
  enter(acl, std::move(found), std::move(arguments));
}

void AclRun::enter(const Acl& acl, std::shared_ptr<const Acl> kept, std::vector<AclArgument> arguments) {
  Frame& f = frames_.emplace_back();
  f.acl = &acl;
  f.kept = std::move(kept);
  f.owned_arguments = std::move(arguments);
  f.arguments = f.owned_arguments;
  if (subject_.state != nullptr) subject_.state->arguments = f.arguments;
  note_depth();
  stage_ = Stage::statement;
}

void AclRun::test() {
  stage_ = Stage::tested;
  if (expanded_.status == EvalStatus::forced_failure) {
    truth_ = Truth::ignored;
    return;
  }
  if (!expanded_) {
    const Step& failed = step();
    const Program* text = text_of(failed.argument);
    if (text == nullptr) text = &std::get<AclCall>(failed.argument).words[frame().words.size() - 1];
    doing_.why = expansion_failure("string", *text, expanded_.why);
    truth_ = expanded_.status == EvalStatus::deferred ? Truth::unknown : Truth::error;
    return;
  }
  doing_.bytes = expanded_.bytes;
  truth_ = step().def->test(doing_);
  to_test_ = truth_ == Truth::waits;
}

void AclRun::tested() {
  Frame& f = frame();
  if (traces()) trace_step();
  if (truth_ == Truth::unknown && !doing_.message.empty()) f.condition_message = std::move(doing_.message);
  if (truth_ == Truth::unknown || truth_ == Truth::error) return judge(truth_);
  const bool negated = step().negated;
  const bool yes = truth_ == Truth::ignored || (truth_ == Truth::yes) != negated;
  if (!doing_.message.empty() || !doing_.log_message.empty()) {
    f.condition_message = std::move(doing_.message);
    f.condition_log_message = std::move(doing_.log_message);
  }
  if (!yes) return judge(Truth::no);
  ++f.step;
  stage_ = Stage::step;
}

void AclRun::trace_step() {
  const StepAccount account = account_of(doing_, truth_);
  const bool says_truth = is_condition(*step().def) || truth_ == Truth::error || truth_ == Truth::unknown;
  subject_.listener->did({.source = step().source.view(),
                          .value = account.value,
                          .result = says_truth ? result_text(truth_) : std::string_view(),
                          .why = account.why,
                          .negated = step().negated},
                         static_cast<unsigned>(frames_.size()));
}

// message and log_message, which are expanded last.
void AclRun::trace_text(const Program& text) {
  for (const Step& each : statement().steps)
    if (std::get_if<Program>(&each.argument) == &text)
      subject_.listener->did({.source = each.source.view(),
                              .value = doing_.text,
                              .result = {},
                              .why = expanded_ ? std::string_view() : std::string_view(expanded_.why)},
                             static_cast<unsigned>(frames_.size()));
}

// The conditions of the statement have come out.
void AclRun::judge(Truth truth) {
  Frame& f = frame();
  const Verb verb = statement().verb;
  if (traces()) subject_.listener->judged(*f.acl, statement(), result_text(truth), static_cast<unsigned>(frames_.size()));
  if (truth == Truth::unknown || truth == Truth::error) {
    const bool is_error = truth == Truth::error;
    if (is_error && subject_.listener != nullptr) subject_.listener->trouble(doing_.why);
    // What makes no sense ends the ACL, and not only its statement.
    if (is_error || verb != Verb::warn) {
      f.outcome = {AclVerdict::defer, std::move(f.condition_message), std::move(doing_.why)};
      f.is_error = is_error;
      stage_ = Stage::decided;
      return;
    }
    if (subject_.listener != nullptr)
      subject_.listener->skipped("ACL \"warn\" statement skipped: condition test deferred" +
                                 (doing_.why.empty() ? std::string() : ": " + doing_.why));
    ++f.statement;
    stage_ = Stage::statement;
    return;
  }
  if (verb == Verb::warn) {
    if (truth == Truth::no) {
      ++f.statement;
      stage_ = Stage::statement;
      return;
    }
    return decide(AclVerdict::accept, false);
  }
  const std::optional<AclVerdict> verdict = verdict_of(verb, truth == Truth::yes, f.endpass, f.discards, f.drops);
  if (!verdict) {
    ++f.statement;
    stage_ = Stage::statement;
    return;
  }
  const bool accepts = *verdict == AclVerdict::accept || *verdict == AclVerdict::discard;
  // With endpass, `message` is what a refusal says, and not what an acceptance says.
  if (accepts && f.endpass) f.message = nullptr;
  decide(*verdict, !accepts);
}

// Texts of this statement go before those of its conditions, which an acceptance forgets.
void AclRun::decide(AclVerdict verdict, bool keeps_condition_messages) {
  Frame& f = frame();
  f.outcome = {verdict, {}, {}};
  if (keeps_condition_messages) {
    f.outcome.message = f.condition_message;
    f.outcome.log_message = f.condition_log_message;
  }
  if (subject_.state != nullptr) subject_.state->verify_message = f.condition_message;
  doing_.text.clear();
  expanded_ = {};
  if (f.message != nullptr) return expand(*f.message, Stage::message);
  stage_ = Stage::message;
}

// A text that cannot be expanded is reported and left out; a forced failure leaves it out in silence.
void AclRun::message_expanded() {
  Frame& f = frame();
  if (f.message != nullptr && traces()) trace_text(*f.message);
  if (!expanded_) {
    if (expanded_.status != EvalStatus::forced_failure && subject_.listener != nullptr)
      subject_.listener->trouble(expansion_failure("message", *f.message, expanded_.why));
  } else if (!doing_.text.empty()) {
    f.outcome.message = std::move(doing_.text);
    doing_.text = {};
  }
  if (subject_.state != nullptr && !f.condition_log_message.empty()) subject_.state->verify_message = f.condition_log_message;
  doing_.text.clear();
  expanded_ = {};
  if (f.log_message != nullptr) return expand(*f.log_message, Stage::log_message);
  stage_ = Stage::log_message;
}

void AclRun::log_message_expanded() {
  Frame& f = frame();
  if (f.log_message != nullptr && traces()) trace_text(*f.log_message);
  if (!expanded_) {
    if (expanded_.status != EvalStatus::forced_failure && subject_.listener != nullptr)
      subject_.listener->trouble(expansion_failure("message", *f.log_message, expanded_.why));
  } else if (!doing_.text.empty()) {
    // What a condition had to say stands behind it.
    const std::string behind = f.outcome.log_message.empty() ? std::string() : ": " + f.outcome.log_message;
    // Of several lines of a refusal the first one tells.
    if (statement().verb != Verb::warn) doing_.text.resize(std::min(doing_.text.find('\n'), doing_.text.size()));
    f.outcome.log_message = std::move(doing_.text) + behind;
    doing_.text = {};
  }
  if (statement().verb == Verb::warn) return finish_warn();
  stage_ = Stage::decided;
}

void AclRun::finish_warn() {
  Frame& f = frame();
  if (!f.outcome.message.empty() && subject_.state != nullptr && !subject_.state->headers.add(f.outcome.message) &&
      subject_.listener != nullptr)
    subject_.listener->trouble("too many header fields are added to one message: some were left out");
  if (!f.outcome.log_message.empty() && subject_.listener != nullptr) subject_.listener->warning(f.outcome.log_message);
  ++f.statement;
  stage_ = Stage::statement;
}

// QUIT and a lost connection are in nobody's hands: what the outermost ACL says against them is reported, and said to the
// client.
void AclRun::accept_the_end() {
  AclOutcome& outcome = first_.outcome;
  const bool is_end = subject_.phase == Phase::quit || subject_.phase == Phase::notquit;
  const bool is_implicit = first_.statement >= first_.acl->statements.size();
  if (!is_end || is_implicit || first_.is_error || outcome.verdict == AclVerdict::accept) return;
  if (subject_.listener != nullptr)
    subject_.listener->trouble(
        fmt::format("ACL for {} returned ERROR: QUIT or not-QUIT toplevel ACL may not fail ('{}' verb used incorrectly)",
                    subject_.phase == Phase::quit ? "QUIT" : "not-QUIT", definition_of(statement().verb).name));
  outcome.verdict = AclVerdict::accept;
}

void AclRun::finish_frame() {
  if (traces()) {
    const bool implicit = frame().statement >= frame().acl->statements.size();
    subject_.listener->ended(*frame().acl, frame().outcome, implicit, static_cast<unsigned>(frames_.size()));
  }
  if (frames_.empty()) {
    refuse_misplaced_discard();
    accept_the_end();
    outcome_ = std::move(first_.outcome);
    stage_ = Stage::done;
    return;
  }
  Frame callee = std::move(frames_.back());
  frames_.pop_back();
  if (subject_.state != nullptr) subject_.state->arguments = frame().arguments;
  note_depth();
  return_to_caller(std::move(callee));
}

// Exim looks at this one verb once the ACL has ended: only messages and recipients can be thrown away.
void AclRun::refuse_misplaced_discard() {
  if (first_.outcome.verdict != AclVerdict::discard || !subject_.phase ||
      (definition_of(Verb::discard).phases & set_of(*subject_.phase)) != 0)
    return;
  const std::string why = fmt::format("\"discard\" verb not allowed in {} ACL", definition_of(*subject_.phase).name);
  if (subject_.listener != nullptr) subject_.listener->trouble(why);
  first_.outcome = {AclVerdict::defer, {}, {}};
  first_.is_error = true;
}

void AclRun::return_to_caller(Frame callee) {
  Frame& f = frame();
  doing_.step = &step();
  doing_.text.clear();
  doing_.why.clear();
  doing_.message = std::move(callee.outcome.message);
  doing_.log_message = std::move(callee.outcome.log_message);
  stage_ = Stage::tested;
  switch (callee.outcome.verdict) {
    case AclVerdict::accept: truth_ = Truth::yes; return;
    case AclVerdict::drop: f.drops = true; [[fallthrough]];
    case AclVerdict::deny: truth_ = Truth::no; return;
    case AclVerdict::defer:
      // The panic log knows already what could not be understood.
      truth_ = Truth::unknown;
      f.condition_message = std::move(doing_.message);
      doing_.why = doing_.log_message.empty() ? f.condition_message : std::move(doing_.log_message);
      return;
    case AclVerdict::discard: break;
  }
  const Verb verb = statement().verb;
  f.discards = verb == Verb::accept || verb == Verb::discard;
  truth_ = f.discards ? Truth::yes : Truth::error;
  if (!f.discards)
    doing_.why = fmt::format("nested ACL returned \"discard\" for \"{}\" command (only allowed with \"accept\" or \"discard\")",
                             definition_of(verb).name);
}

AclOutcome run(const Acl& acl, const AclSubject& subject) {
  AclRun run(acl, subject);
  if (run.advance()) return run.take();
  return {AclVerdict::defer, {}, "this cannot wait for an answer here"};
}

}  // namespace postern::acl
