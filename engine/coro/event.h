// A flag that one coroutine waits for.
#pragma once

#include <coroutine>
#include <utility>

#include "engine/base/result.h"
#include "engine/coro/wait.h"

namespace postern::inline coro {

// Set once or again after clear(); at most one waiter at a time. Outlives its waiter. One shard.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { POSTERN_CHECK(waiter_ == nullptr); }

  void set() {
    set_ = true;
    if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->resume();
  }
  void clear() noexcept { set_ = false; }
  [[nodiscard]] bool is_set() const noexcept { return set_; }

  class Awaiter final : public Waiter {
   public:
    Awaiter(Event& event, const Wait& wait) noexcept : event_(event), wait_(wait) {}
    [[nodiscard]] bool await_ready() const noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> handle) {
      POSTERN_CHECK(event_.waiter_ == nullptr);
      event_.waiter_ = this;
      suspend(handle, wait_);
    }
    [[nodiscard]] Result<void> await_resume() const {
      // Set and cleared again before we ran: it has happened all the same.
      if (!cut_short_ || event_.set_) return {};
      return failure(error_, "wait for event");
    }

   private:
    void on_cut_short(Errc why) override {
      cut_short_ = true;
      error_ = why;
      event_.waiter_ = nullptr;
      resume();
    }
    Event& event_;
    Wait wait_;
    bool cut_short_ = false;
    Errc error_ = Errc::stopped;
  };

  // Suspends until set() unless it is set already. timed_out or stopped when the wait is cut short.
  [[nodiscard]] Awaiter wait(const Wait& wait = {}) { return Awaiter(*this, wait); }

 private:
  bool set_ = false;
  Waiter* waiter_ = nullptr;
};

// Suspends until `deadline`, or until stop. Returns true when the time came, false when stopped.
class Sleep final : public Waiter {
 public:
  explicit Sleep(const Wait& wait) noexcept : wait_(wait) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { suspend(handle, wait_); }
  [[nodiscard]] bool await_resume() const noexcept { return slept_; }

 private:
  void on_cut_short(Errc why) override {
    slept_ = why == Errc::timed_out;
    resume();
  }
  Wait wait_;
  bool slept_ = false;
};

[[nodiscard]] inline Sleep sleep_until(Instant deadline, StopSource* stop = nullptr) { return Sleep({deadline, stop}); }

// Gives way: everything else that is ready, and new input, come first.
struct Yield {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { Scheduler::current().schedule_last(handle); }
  void await_resume() const noexcept {}
};

}  // namespace postern::inline coro
