// What coroutines need from the thread they run on: a queue of those ready to run, a clock, and timers. The shard's loop
// implements it; tests use ManualScheduler.
#pragma once

#include <coroutine>

#include "engine/base/clock.h"
#include "engine/coro/timer_queue.h"

namespace postern::inline coro {

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // Runs `handle` in a later step of this turn or the next turn, never from within this call.
  virtual void schedule(std::coroutine_handle<> handle) = 0;
  // As schedule(), but after all that is ready and a look at the kernel: for those who have had their share of this turn.
  virtual void schedule_last(std::coroutine_handle<> handle) { schedule(handle); }
  // The time as of the start of this turn; cheap.
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  // Arming an armed timer moves it. A time in the past fires in the next turn.
  virtual void arm(Timer& timer, Instant when) = 0;
  virtual void disarm(Timer& timer) noexcept = 0;

  // The one of this thread. Checked: there must be one.
  [[nodiscard]] static Scheduler& current() noexcept;
  // nullptr ends it. Called by the loop when it starts and ends.
  static void set_current(Scheduler* scheduler) noexcept;
};

}  // namespace postern::inline coro
