// What DKIM and ARC have in common: the header is read and keys are asked for when it is complete, the body is hashed as it passes,
// and whoever asks afterwards waits for what is left.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"
#include "policy/checks/pending.h"
#include "policy/checks/settings.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::checks {

// `Verifier` is dkim::Verifier or arc::Verifier, `Results` what its finish() gives. Outlives the scope in which it was started.
template <class Verifier, class Results>
class SignatureCheck {
 public:
  // Nothing is known of the former message any more. Checked: its check has ended.
  void forget() {
    results_.forget();
    verifier_.reset();
    body_ended_.clear();
  }
  // The header is complete; views in it are not looked at afterwards. `bodies` is borrowed until the scope has ended. Once for a
  // message. The results are there `deadline_ms` after the end of the body: of keys that have not come, a temporary failure.
  template <class Policy>
  void start(Shared& shared, const Policy& policy, std::int64_t deadline_ms, const message::HeaderIndex& headers,
             message::BodyHashes& bodies, smtp::CheckScope& scope) {
    verifier_.emplace(shared.resolver, shared.keys, policy);
    verifier_->begin(headers, bodies, {Instant::never(), &scope.stop()});
    results_.start(verify(*this, deadline_ms, scope.stop()), scope);
  }
  // BodyHashes::finish() was called.
  void body_ended() { body_ended_.set(); }

  [[nodiscard]] const Pending<Results>& results() const noexcept { return results_; }
  [[nodiscard]] Pending<Results>& results() noexcept { return results_; }

 private:
  static Task<Results> verify(SignatureCheck& check, std::int64_t deadline_ms, StopSource& stop) {
    const bool has_body = (co_await check.body_ended_.wait({Instant::never(), &stop})).has_value();
    if (has_body) co_return co_await check.verifier_->finish({Scheduler::current().now().plus_ms(deadline_ms), &stop});
    co_await check.verifier_->abandon();
    co_return Results();
  }

  std::optional<Verifier> verifier_;
  Event body_ended_;
  Pending<Results> results_;
};

}  // namespace postern::checks
