// SPF of one transaction: started when the sender is known, waited for where an ACL asks.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/coro/event.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"
#include "net/dns/resolver.h"
#include "policy/spf/spf.h"

namespace postern::checks {

// One for the domain's own record, and one that guesses. Outlives the scope in which it was started.
class SpfCheck {
 public:
  // Nothing is known of the former message any more. Checked: its check has ended.
  void forget();
  // Once for a message. It ends with the scope, or at the deadline: temperror.
  void start(spf::Question question, dns::Resolver& resolver, smtp::CheckScope& scope, std::int64_t deadline_ms);
  [[nodiscard]] bool started() const noexcept { return started_; }
  // Null: it is under way, or was never started.
  [[nodiscard]] const spf::Outcome* now() const noexcept { return outcome_ ? &*outcome_ : nullptr; }
  // Suspends until it is known, or `wait` ends: then null. One waiter at a time.
  [[nodiscard]] Task<const spf::Outcome*> outcome(Wait wait);

 private:
  static Task<void> run(SpfCheck& check, spf::Question question, dns::Resolver& resolver, Wait wait);

  bool started_ = false;
  bool running_ = false;
  std::optional<spf::Outcome> outcome_;
  Event done_;
};

}  // namespace postern::checks
