// The life of checks that were started early: as long as the connection, or as long as one transaction.
#pragma once

#include <optional>

#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"

namespace postern::smtp {

// Whatever a hook starts here has ended before the things of its scope go away: at the end of the scope it is asked to stop,
// and awaited. One shard.
class CheckScope {
 public:
  CheckScope() = default;
  CheckScope(const CheckScope&) = delete;
  CheckScope& operator=(const CheckScope&) = delete;

  // Runs `check` until its first suspension. It must end soon after stop() was requested.
  void start(Task<void> check) { gate_.start(std::move(check)); }
  // Requested at the end of the scope. Another one is made for the next use of the scope; ask for it anew in each transaction.
  [[nodiscard]] StopSource& stop() {
    if (!stop_) stop_.emplace();
    return *stop_;
  }

  // For the session: asks all to stop. True when nothing is left to wait for, and the scope is then as new; false: await end().
  [[nodiscard]] bool try_end() {
    if (stop_) stop_->request_stop();
    if (gate_.inside() > 0) return false;
    stop_.reset();
    return true;
  }
  // For the session: asks all to stop, waits for them, and is then as new.
  [[nodiscard]] Task<void> end() {
    if (stop_) stop_->request_stop();
    co_await gate_.wait_empty();
    stop_.reset();
  }

 private:
  Gate gate_;
  std::optional<StopSource> stop_;
};

}  // namespace postern::smtp
