#include "policy/checks/spf_check.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::checks {

void SpfCheck::forget() {
  POSTERN_CHECK(!running_);
  started_ = false;
  outcome_.reset();
  done_.clear();
}

void SpfCheck::start(spf::Question question, dns::Resolver& resolver, smtp::CheckScope& scope, std::int64_t deadline_ms) {
  POSTERN_CHECK(!started_);
  started_ = running_ = true;
  scope.start(run(*this, std::move(question), resolver, {Scheduler::current().now().plus_ms(deadline_ms), &scope.stop()}));
}

Task<void> SpfCheck::run(SpfCheck& check, spf::Question question, dns::Resolver& resolver, Wait wait) {
  check.outcome_ = co_await spf::check(std::move(question), resolver, wait);
  check.running_ = false;
  check.done_.set();
}

Task<const spf::Outcome*> SpfCheck::outcome(Wait wait) {
  if (started_) static_cast<void>(co_await done_.wait(wait));
  co_return now();
}

}  // namespace postern::checks
