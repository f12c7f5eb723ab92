#include "policy/acl/run.h"

#include <variant>

#include "engine/base/peer_text.h"
#include "policy/acl/conditions.h"

namespace postern::acl {

namespace {

using expand::EvalStatus;
using expand::Program;

// How the conditions of one statement came out, and which texts were current when that was known.
struct Checked {
  Truth truth = Truth::yes;
  bool endpass = false;  // seen before the end
  const Program* message = nullptr;
  const Program* log_message = nullptr;
  std::string why;  // when unknown
};

std::string expansion_failure(std::string_view what, const Program& text, const std::string& why) {
  std::string message = "failed to expand ACL ";
  message.append(what).append(" \"");
  append_printable(message, text.source(), 256);
  return message.append("\": ").append(why);
}

Truth test(const Step& step, const AclSubject& subject, std::string& why) {
  const Truth plain = step.def->test(step.argument, subject, why);
  if (plain == Truth::ignored) return Truth::yes;
  if (!step.negated || plain == Truth::unknown) return plain;
  return plain == Truth::yes ? Truth::no : Truth::yes;
}

Checked check(const Statement& statement, const AclSubject& subject) {
  Checked checked;
  for (const Step& step : statement.steps) {
    switch (step.def->role) {
      case Role::message: checked.message = &std::get<Program>(step.argument); break;
      case Role::log_message: checked.log_message = &std::get<Program>(step.argument); break;
      case Role::endpass: checked.endpass = true; break;
      case Role::condition: checked.truth = test(step, subject, checked.why); break;
      case Role::proceed: {
        std::string unused;
        const Program& text = std::get<Program>(step.argument);
        const expand::EvalResult result = expand::evaluate(text, subject.variables, unused);
        if (result.status != EvalStatus::failed) break;
        checked.truth = Truth::unknown;
        checked.why = expansion_failure("string", text, result.why);
        break;
      }
      case Role::other_modifier: break;
    }
    if (checked.truth != Truth::yes) break;
  }
  return checked;
}

// A text that cannot be expanded is reported and left out; a forced failure leaves it out in silence.
std::string expand_text(const Program* text, const AclSubject& subject) {
  std::string value;
  if (text == nullptr) return value;
  const expand::EvalResult result = expand::evaluate(*text, subject.variables, value);
  if (result.status == EvalStatus::failed && subject.listener != nullptr)
    subject.listener->trouble(expansion_failure("message", *text, result.why));
  return value;
}

AclOutcome decide(AclVerdict verdict, const Checked& checked, const AclSubject& subject) {
  return {verdict, expand_text(checked.message, subject), expand_text(checked.log_message, subject)};
}

// What a statement whose conditions came out as `truth` decides; nothing when the next one is to be asked.
std::optional<AclVerdict> verdict_of(Verb verb, bool truth, bool endpass) {
  switch (verb) {
    case Verb::accept:
    case Verb::discard:
      if (truth) return verb == Verb::accept ? AclVerdict::accept : AclVerdict::discard;
      return endpass ? std::optional(AclVerdict::deny) : std::nullopt;
    case Verb::defer: return truth ? std::optional(AclVerdict::defer) : std::nullopt;
    case Verb::deny: return truth ? std::optional(AclVerdict::deny) : std::nullopt;
    case Verb::drop: return truth ? std::optional(AclVerdict::drop) : std::nullopt;
    case Verb::require: return truth ? std::nullopt : std::optional(AclVerdict::deny);
    case Verb::warn: break;
  }
  return std::nullopt;
}

}  // namespace

AclOutcome run(const Acl& acl, const AclSubject& subject) {
  for (const Statement& statement : acl.statements) {
    Checked checked = check(statement, subject);
    const bool is_warn = statement.verb == Verb::warn;
    if (checked.truth == Truth::unknown) {
      if (!is_warn) return {AclVerdict::defer, {}, std::move(checked.why)};
      if (subject.listener != nullptr)
        subject.listener->skipped("ACL \"warn\" statement skipped: condition test deferred: " + checked.why);
      continue;
    }
    if (is_warn) {
      if (checked.truth == Truth::no || subject.listener == nullptr || checked.log_message == nullptr) continue;
      const std::string text = expand_text(checked.log_message, subject);
      if (!text.empty()) subject.listener->warning(text);
      continue;
    }
    const bool truth = checked.truth == Truth::yes;
    const std::optional<AclVerdict> verdict = verdict_of(statement.verb, truth, checked.endpass);
    if (!verdict) continue;
    // With endpass, `message` is what a refusal says, and not what an acceptance says.
    if (truth && checked.endpass) checked.message = nullptr;
    return decide(*verdict, checked, subject);
  }
  return {AclVerdict::deny, {}, {}};
}

}  // namespace postern::acl
