#include "policy/acl/modifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"
#include "policy/ratelimit/rate_words.h"

namespace postern::acl {

namespace {

Truth wrong(Doing& doing, std::string why) {
  doing.why = std::move(why);
  return Truth::error;
}

// Nothing, when the word is no log.
bool set_target(std::string_view word, LogTargets& targets) {
  if (word == "main") return targets.main = true;
  if (word == "reject") return targets.reject = true;
  if (word == "panic") return targets.panic = true;
  return false;
}

constexpr std::string_view kTooManyHeaders = "too many header fields are added to or removed from one message";

}  // namespace

Truth add_header(Doing& doing) {
  if (doing.subject.state == nullptr || doing.subject.state->headers.add(doing.text)) return Truth::yes;
  return wrong(doing, std::string(kTooManyHeaders));
}

Truth remove_header(Doing& doing) {
  if (doing.subject.state == nullptr || doing.subject.state->headers.remove(doing.text)) return Truth::yes;
  return wrong(doing, std::string(kTooManyHeaders));
}

Truth proceed(Doing&) { return Truth::yes; }

Truth set_control(Doing& doing) {
  const WordsOf<ControlSetting> words(doing, read_control);
  const ControlSetting* const read = words.get();
  if (read == nullptr) return Truth::error;
  if (doing.subject.phase && (read->def->phases & set_of(*doing.subject.phase)) == 0)
    return wrong(doing,
                 fmt::format("cannot use \"control={}\" in {} ACL", read->def->name, definition_of(*doing.subject.phase).name));
  if (doing.subject.state != nullptr) apply(*read, doing.subject.state->controls);
  return Truth::yes;
}

Truth log_reject_target(Doing& doing) {
  LogTargets targets;
  lists::ListReader reader(doing.text);
  for (std::string item; reader.next(item);)
    if (!set_target(item, targets)) {
      if (doing.subject.listener != nullptr)
        doing.subject.listener->trouble(fmt::format("unknown log name \"{}\" in \"log_reject_target\" in {} ACL",
                                                    printable(item, 64),
                                                    doing.subject.phase ? definition_of(*doing.subject.phase).name : "this"));
      return Truth::yes;
    }
  if (doing.subject.state != nullptr) doing.subject.state->reject_targets = targets;
  return Truth::yes;
}

// ":main,reject: text"; without the names it is the main log.
Truth logwrite(Doing& doing) {
  std::string_view text = doing.text;
  LogTargets targets;
  if (text.starts_with(':')) {
    const std::size_t end = text.find(':', 1);
    if (end == std::string_view::npos)
      return wrong(doing, "syntax error in \"logwrite\" modifier: the second colon is missing");
    lists::ListReader reader(text.substr(1, end - 1), ',');
    for (std::string item; reader.next(item);)
      if (!set_target(item, targets))
        return wrong(doing, fmt::format("unknown log name \"{}\" in \"logwrite\" modifier", printable(item, 64)));
    text.remove_prefix(end + 1);
  }
  if (targets == LogTargets{}) targets.main = true;
  while (!text.empty() && lists::trim(text.substr(0, 1)).empty()) text.remove_prefix(1);
  if (doing.subject.listener != nullptr) doing.subject.listener->note(targets, text);
  return Truth::yes;
}

Truth assign(Doing& doing) {
  AclState* const state = doing.subject.state;
  if (state == nullptr) return Truth::yes;
  const std::string& name = std::get<Assignment>(doing.step->argument).name;
  AclVariables& variables = name.starts_with("acl_c") ? state->connection_variables : state->message_variables;
  variables.set(name, doing.text, doing.bytes);
  return Truth::yes;
}

Truth test_delay(Doing& doing) {
  const std::optional<double> seconds = ratelimit::read_interval(lists::trim(doing.text));
  if (!seconds)
    return wrong(doing, fmt::format("syntax error in argument for \"delay\" modifier: \"{}\" is not a time value",
                                    printable(doing.text, 64)));
  return *seconds <= 0 || doing.subject.world == nullptr ? Truth::yes : Truth::waits;
}

Task<Truth> delay(Doing& doing) {
  constexpr double kSecondsMax = 24 * 3600;
  const double seconds = std::min(ratelimit::read_interval(lists::trim(doing.text)).value_or(0), kSecondsMax);
  const AclState* const state = doing.subject.state;
  co_await doing.subject.world->delay(static_cast<std::int64_t>(seconds * 1000),
                                      state == nullptr || state->controls.delay_flush);
  co_return Truth::yes;
}

}  // namespace postern::acl
