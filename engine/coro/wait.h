// One suspended coroutine with the two things that may end its wait early. Every wait in the house takes a Wait.
#pragma once

#include <coroutine>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/stop.h"

namespace postern::inline coro {

// How long to wait and who may end it. The StopSource, when given, outlives the wait.
struct Wait {
  Instant deadline = Instant::never();
  StopSource* stop = nullptr;
};

// Base of awaiters that can be cut short. Lives in the awaiting frame. The kernel never sees it: a wait that ends early leaves
// the operation behind it to its owner.
class Waiter : private Timer, private StopListener {
 public:
  // Remembers who waits, and arms deadline and stop. When stop was requested before, on_cut_short runs from within.
  void suspend(std::coroutine_handle<> handle, const Wait& wait) {
    POSTERN_CHECK(!handle_);
    handle_ = handle;
    if (!wait.deadline.is_never()) Scheduler::current().arm(*this, wait.deadline);
    if (wait.stop != nullptr) listen(*wait.stop);
  }
  [[nodiscard]] bool suspended() const noexcept { return static_cast<bool>(handle_); }
  // Schedules the coroutine and ends deadline and stop. Does nothing when it was resumed before.
  void resume() {
    if (!handle_) return;
    if (Timer::armed()) Scheduler::current().disarm(*this);
    unlisten();
    Scheduler::current().schedule(std::exchange(handle_, nullptr));
  }

 protected:
  ~Waiter() override = default;

 private:
  // The wait ends without what it waited for: note the error, forget the registration, and resume().
  virtual void on_cut_short(Errc why) = 0;
  void on_timer() final {
    if (handle_) on_cut_short(Errc::timed_out);
  }
  void on_stop() final {
    if (handle_) on_cut_short(Errc::stopped);
  }

  std::coroutine_handle<> handle_;
};

}  // namespace postern::inline coro
