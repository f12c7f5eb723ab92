#include "policy/acl/check_conditions.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "policy/acl/spf_results.h"
#include "policy/acl/world.h"
#include "policy/checks/message_checks.h"
#include "policy/dcc/reply.h"
#include "policy/dmarc/judge.h"
#include "policy/lists/facts.h"
#include "policy/lists/list.h"
#include "policy/lists/list_text.h"

namespace postern::acl {
namespace {

using checks::SpfRecord;

checks::MessageChecks* checks_of(const Doing& doing) {
  return doing.subject.world != nullptr ? doing.subject.world->checks() : nullptr;
}

Truth judge(Doing& doing, const spf::Outcome* outcome) {
  if (outcome == nullptr) {
    doing.why = "SPF has not come to a result";
    return Truth::unknown;
  }
  checks_of(doing)->tell(*outcome);
  const WordsOf<SpfResults> wanted(doing, read_spf_results);
  if (wanted.get() == nullptr) return Truth::error;
  return wanted.get()->contains(outcome->result) ? Truth::yes : Truth::no;
}

Truth test(Doing& doing, SpfRecord record) {
  checks::MessageChecks* const checks = checks_of(doing);
  if (checks == nullptr) return judge(doing, nullptr);
  const spf::Outcome* const outcome = checks->spf_now(record);
  return outcome != nullptr ? judge(doing, outcome) : Truth::waits;
}

Task<Truth> ask(Doing& doing, SpfRecord record) {
  co_return judge(doing, co_await checks_of(doing)->spf(record, doing.subject.world->wait()));
}

// Without a world nothing can be asked.
Truth nothing_to_ask(Doing& doing, std::string_view check) {
  doing.why = std::string(check).append(" has not come to a result");
  return Truth::unknown;
}

// The words of "dcc = */defer_ok".
struct DccWords {
  bool asks = true;  // "0", "false" and nothing ask for nothing
  bool defer_ok = false;
};
std::optional<DccWords> read_dcc(std::string_view text) {
  lists::ListReader reader(text, '/');
  std::string word;
  DccWords words{.asks = reader.next(word) && word != "0" && word != "false"};
  while (reader.next(word)) {
    if (word != "defer_ok") return std::nullopt;
    words.defer_ok = true;
  }
  return words;
}

void add_dcc_fields(Doing& doing, const dcc::Result& result) {
  AclState* const state = doing.subject.state;
  if (state == nullptr || !doing.subject.world->settings().dcc_direct_add_header) return;
  const std::optional<expand::Held> extra = state->message_variables.get("acl_m_dcc_add_header");
  static_cast<void>(state->headers.add(dcc::added_fields(result, extra ? extra->text : std::string_view())));
}

Truth judge(Doing& doing, const DccWords& words, const dcc::Result& result) {
  if (!result.log.empty() && doing.subject.listener != nullptr) doing.subject.listener->note({.main = true}, result.log);
  switch (result.status) {
    case dcc::Status::accept: return Truth::yes;
    case dcc::Status::reject: return Truth::no;
    case dcc::Status::defer:
    case dcc::Status::failed: break;
  }
  if (words.defer_ok) return Truth::no;
  doing.why = result.text.empty() ? "DCC has not come to a result" : std::string(result.text);
  return Truth::unknown;
}

}  // namespace

Truth test_dmarc_status(Doing& doing) {
  return checks_of(doing) != nullptr ? Truth::waits : nothing_to_ask(doing, "DMARC");
}

Task<Truth> ask_dmarc_status(Doing& doing) {
  const dmarc::Outcome* const outcome = co_await checks_of(doing)->dmarc(doing.subject.world->wait());
  if (outcome == nullptr) co_return nothing_to_ask(doing, "DMARC");
  const auto& list = std::get<lists::LocalPartList>(doing.step->argument);
  lists::Match match = co_await list.match(std::string(to_string(outcome->status)), doing.subject.world->facts());
  if (match.truth != lists::Truth::defer) co_return match.truth == lists::Truth::yes ? Truth::yes : Truth::no;
  doing.why = std::move(match.why);
  co_return Truth::unknown;
}

Truth test_dcc(Doing& doing) {
  const std::optional<DccWords> words = read_dcc(doing.text);
  if (!words) {
    doing.why = "dcc: the only option is \"/defer_ok\"";
    return Truth::error;
  }
  if (!words->asks) return Truth::no;
  return checks_of(doing) != nullptr ? Truth::waits : nothing_to_ask(doing, "DCC");
}

Task<Truth> ask_dcc(Doing& doing) {
  const DccWords words = *read_dcc(doing.text);
  checks::MessageChecks& checks = *checks_of(doing);
  const bool is_first = checks.told_dcc() == nullptr;
  const dcc::Result* const result = co_await checks.dcc(doing.subject.world->wait());
  if (result == nullptr) co_return nothing_to_ask(doing, "DCC");
  if (is_first) add_dcc_fields(doing, *result);
  co_return judge(doing, words, *result);
}

Truth test_spf(Doing& doing) { return test(doing, SpfRecord::own); }
Task<Truth> ask_spf(Doing& doing) { return ask(doing, SpfRecord::own); }
Truth test_spf_guess(Doing& doing) { return test(doing, SpfRecord::guess); }
Task<Truth> ask_spf_guess(Doing& doing) { return ask(doing, SpfRecord::guess); }

}  // namespace postern::acl
