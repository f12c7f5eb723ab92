#include "policy/checks/dkim_check.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::checks {

void DkimCheck::forget() {
  POSTERN_CHECK(!running_);
  started_ = false;
  verifier_.reset();
  results_.reset();
  body_ended_.clear();
  done_.clear();
}

void DkimCheck::start(const Settings& settings, Shared& shared, const message::HeaderIndex& headers,
                      message::BodyHashes& bodies, smtp::CheckScope& scope) {
  POSTERN_CHECK(!started_);
  started_ = running_ = true;
  verifier_.emplace(shared.resolver, shared.keys, settings.dkim);
  verifier_->begin(headers, bodies, {Instant::never(), &scope.stop()});
  scope.start(run(*this, settings.dkim_deadline_ms, scope.stop()));
}

Task<void> DkimCheck::run(DkimCheck& check, std::int64_t deadline_ms, StopSource& stop) {
  const bool has_body = (co_await check.body_ended_.wait({Instant::never(), &stop})).has_value();
  if (has_body) {
    check.results_ = co_await check.verifier_->finish({Scheduler::current().now().plus_ms(deadline_ms), &stop});
  } else {
    co_await check.verifier_->abandon();
  }
  check.running_ = false;
  check.done_.set();
}

Task<const std::vector<dkim::SignatureResult>*> DkimCheck::results(Wait wait) {
  if (started_) static_cast<void>(co_await done_.wait(wait));
  co_return now();
}

}  // namespace postern::checks
