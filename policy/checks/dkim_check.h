// DKIM of one message: signatures are read and keys asked for when the header is complete, the body is hashed as it passes, and
// whoever asks afterwards waits for what is left.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"
#include "policy/checks/pending.h"
#include "policy/checks/settings.h"
#include "policy/dkim/verifier.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::checks {

using Signatures = std::vector<dkim::SignatureResult>;  // from the top down

// Outlives the scope in which it was started.
class DkimCheck {
 public:
  // Nothing is known of the former message any more. Checked: its check has ended.
  void forget();
  // The header is complete; views in it are not looked at afterwards. `bodies` is borrowed until the scope has ended. Once for a
  // message.
  void start(const Settings& settings, Shared& shared, const message::HeaderIndex& headers, message::BodyHashes& bodies,
             smtp::CheckScope& scope);
  // BodyHashes::finish() was called. Results are there within the deadline: of keys that have not come, a temporary failure.
  void body_ended() { body_ended_.set(); }

  [[nodiscard]] const Pending<Signatures>& results() const noexcept { return results_; }
  [[nodiscard]] Pending<Signatures>& results() noexcept { return results_; }

 private:
  static Task<Signatures> verify(DkimCheck& check, std::int64_t deadline_ms, StopSource& stop);

  std::optional<dkim::Verifier> verifier_;
  Event body_ended_;
  Pending<Signatures> results_;
};

}  // namespace postern::checks
