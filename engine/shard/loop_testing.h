// A Sleeper for tests of the loop without a ring.
#pragma once

#include <condition_variable>
#include <mutex>

#include "engine/base/clock.h"
#include "engine/shard/mailbox.h"
#include "engine/shard/poller.h"

namespace postern::shard {

// Sleeps until woken from another thread or until the time comes, on the machine's clock.
class TestSleeper final : public Sleeper, public Waker {
 public:
  void submit() override {}
  void submit_and_sleep(Instant until, Instant now) override {
    ++sleeps;
    std::unique_lock lock(mutex_);
    const auto woken = [this] { return woken_; };
    if (until.is_never())
      changed_.wait(lock, woken);
    else
      changed_.wait_for(lock, std::chrono::nanoseconds(until.ns - now.ns), woken);
    woken_ = false;
  }
  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  int sleeps = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace postern::shard
