#include "policy/acl/spf_condition.h"

#include "policy/acl/spf_results.h"
#include "policy/acl/world.h"
#include "policy/checks/message_checks.h"

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

}  // namespace

Truth test_spf(Doing& doing) { return test(doing, SpfRecord::own); }
Task<Truth> ask_spf(Doing& doing) { return ask(doing, SpfRecord::own); }
Truth test_spf_guess(Doing& doing) { return test(doing, SpfRecord::guess); }
Task<Truth> ask_spf_guess(Doing& doing) { return ask(doing, SpfRecord::guess); }

}  // namespace postern::acl
