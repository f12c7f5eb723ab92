#include "policy/checks/dkim_check.h"

#include "engine/coro/scheduler.h"

namespace postern::checks {

void DkimCheck::forget() {
  results_.forget();
  verifier_.reset();
  body_ended_.clear();
}

void DkimCheck::start(const Settings& settings, Shared& shared, const message::HeaderIndex& headers,
                      message::BodyHashes& bodies, smtp::CheckScope& scope) {
  verifier_.emplace(shared.resolver, shared.keys, settings.dkim);
  verifier_->begin(headers, bodies, {Instant::never(), &scope.stop()});
  results_.start(verify(*this, settings.dkim_deadline_ms, scope.stop()), scope);
}

Task<Signatures> DkimCheck::verify(DkimCheck& check, std::int64_t deadline_ms, StopSource& stop) {
  const bool has_body = (co_await check.body_ended_.wait({Instant::never(), &stop})).has_value();
  if (has_body) co_return co_await check.verifier_->finish({Scheduler::current().now().plus_ms(deadline_ms), &stop});
  co_await check.verifier_->abandon();
  co_return Signatures();
}

}  // namespace postern::checks
