// Structured starting: a gate counts the coroutines begun through it, and closing it waits for the last to end.
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/task.h"

namespace postern::inline coro {

// One shard. Whoever starts something through a gate closes the gate before the things it uses go away.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { POSTERN_CHECK(inside_ == 0); }

  // Runs `task` until its first suspension, and holds the gate until it ends. Checked: not closed.
  void start(Task<void> task) {
    POSTERN_CHECK(!closed_);
    ++inside_;
    run(*this, std::move(task));
  }
  [[nodiscard]] std::size_t inside() const noexcept { return inside_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }

  class Closing {
   public:
    explicit Closing(Gate& gate) noexcept : gate_(gate) {}
    [[nodiscard]] bool await_ready() const noexcept { return gate_.inside_ == 0; }
    void await_suspend(std::coroutine_handle<> handle) {
      POSTERN_CHECK(!gate_.closer_);
      gate_.closer_ = handle;
    }
    void await_resume() const noexcept {}

   private:
    Gate& gate_;
  };

  // No more starts; suspends until all inside have ended. Takes no deadline: ask those inside to stop first.
  [[nodiscard]] Closing close() noexcept {
    closed_ = true;
    return Closing(*this);
  }
  // Suspends until all inside have ended, and leaves the gate open: whoever may start something before the waiter runs has it
  // look at inside() again.
  [[nodiscard]] Closing wait_empty() noexcept { return Closing(*this); }

 private:
  static detail::Detached run(Gate& gate, Task<void> task) {
    co_await task;
    task = Task<void>();  // its frame goes before the gate hears of it, because the frame may refer to what the closer frees
    gate.leave();
  }
  void leave() {
    if (--inside_ == 0 && closer_) Scheduler::current().schedule(std::exchange(closer_, nullptr));
  }

  std::size_t inside_ = 0;
  bool closed_ = false;
  std::coroutine_handle<> closer_;
};

}  // namespace postern::inline coro
