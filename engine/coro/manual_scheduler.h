// A Scheduler for tests and simulations: time moves only when told to.
#pragma once

#include <coroutine>
#include <deque>

#include "engine/base/clock.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/task.h"

namespace postern::inline coro {

// Becomes the thread's scheduler while it lives.
class ManualScheduler final : public Scheduler {
 public:
  ManualScheduler() : timers_(clock_.now()) { set_current(this); }
  ~ManualScheduler() override { set_current(nullptr); }

  void schedule(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  [[nodiscard]] Instant now() const override { return clock_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  void arm(Timer& timer, Instant when) override { timers_.arm(timer, when); }
  void disarm(Timer& timer) noexcept override { timers_.disarm(timer); }

  // Runs until nothing is ready.
  void run() {
    while (!ready_.empty()) {
      const std::coroutine_handle<> handle = ready_.front();
      ready_.pop_front();
      handle.resume();
    }
  }
  // Moves the clock in steps of a tick, firing timers and running what they wake.
  void advance_ms(std::int64_t ms) {
    run();
    for (std::int64_t i = 0; i < ms; ++i) {
      clock_.advance_ms(1);
      if (timers_.advance(clock_.now()) > 0) run();
    }
    clock_.advance_ms(2);  // a timer may fire up to a tick late
    timers_.advance(clock_.now());
    run();
  }
  // Fires the timers that are due, and leaves what they wake for run().
  std::size_t fire_timers() { return timers_.advance(clock_.now()); }
  [[nodiscard]] ManualClock& clock() noexcept { return clock_; }

 private:
  ManualClock clock_;
  TimerQueue timers_;
  std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace postern::inline coro
