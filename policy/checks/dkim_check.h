// DKIM of one message: signatures are read and keys asked for when the header is complete, the body is hashed as it passes, and
// whoever asks afterwards waits for what is left.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"
#include "policy/checks/settings.h"
#include "policy/dkim/verifier.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::checks {

// Outlives the scope in which it was started.
class DkimCheck {
 public:
  // Nothing is known of the former message any more. Checked: its check has ended.
  void forget();
  // The header is complete; views in it are not looked at afterwards. `bodies` is borrowed until the scope has ended. Once for a
  // message.
  void start(const Settings& settings, Shared& shared, const message::HeaderIndex& headers, message::BodyHashes& bodies,
             smtp::CheckScope& scope);
  [[nodiscard]] bool started() const noexcept { return started_; }
  // BodyHashes::finish() was called. Results are there within the deadline: of keys that have not come, a temporary failure.
  void body_ended() { body_ended_.set(); }

  // Null: it is under way, or was never started. From the top down.
  [[nodiscard]] const std::vector<dkim::SignatureResult>* now() const noexcept { return results_ ? &*results_ : nullptr; }
  // Suspends until they are known, or `wait` ends: then null. After body_ended(). One waiter at a time.
  [[nodiscard]] Task<const std::vector<dkim::SignatureResult>*> results(Wait wait);

 private:
  static Task<void> run(DkimCheck& check, std::int64_t deadline_ms, StopSource& stop);

  bool started_ = false;
  bool running_ = false;
  std::optional<dkim::Verifier> verifier_;
  std::optional<std::vector<dkim::SignatureResult>> results_;
  Event body_ended_;
  Event done_;
};

}  // namespace postern::checks
