// Units that run out: connections per destination, attempts in flight. First come, first served.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <deque>

#include "engine/base/result.h"
#include "engine/coro/wait.h"

namespace postern::inline coro {

// One shard. Outlives its waiters.
class Semaphore {
 public:
  explicit Semaphore(std::size_t units) noexcept : free_(units) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { POSTERN_CHECK(waiters_.empty()); }

  [[nodiscard]] bool try_acquire() noexcept {
    if (free_ == 0 || !waiters_.empty()) return false;
    --free_;
    return true;
  }
  void release() {
    ++free_;
    hand_over();
  }
  [[nodiscard]] std::size_t free() const noexcept { return free_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

  class Awaiter final : public Waiter {
   public:
    Awaiter(Semaphore& semaphore, const Wait& wait) noexcept : semaphore_(semaphore), wait_(wait) {}
    [[nodiscard]] bool await_ready() noexcept { return got_ = semaphore_.try_acquire(); }
    void await_suspend(std::coroutine_handle<> handle) {
      semaphore_.waiters_.push_back(this);
      suspend(handle, wait_);
    }
    [[nodiscard]] Result<void> await_resume() const {
      if (got_) return {};
      return failure(error_, "wait for a free unit");
    }

   private:
    friend class Semaphore;
    void on_cut_short(Errc why) override {
      error_ = why;
      std::erase(semaphore_.waiters_, this);
      resume();
    }
    Semaphore& semaphore_;
    Wait wait_;
    bool got_ = false;
    Errc error_ = Errc::stopped;
  };

  // Suspends until a unit is free and takes it. timed_out or stopped when cut short, and then holds nothing.
  [[nodiscard]] Awaiter acquire(const Wait& wait = {}) { return Awaiter(*this, wait); }

 private:
  void hand_over() {
    while (free_ > 0 && !waiters_.empty()) {
      Awaiter& first = *waiters_.front();
      waiters_.pop_front();
      --free_;
      first.got_ = true;
      first.resume();
    }
  }
  std::size_t free_;
  std::deque<Awaiter*> waiters_;
};

}  // namespace postern::inline coro
