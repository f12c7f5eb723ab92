// A result that a coroutine of a message's scope makes, for whoever asks before and after it is there.
#pragma once

#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/event.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"

namespace postern::checks {

// Outlives the scope in which it was started. One waiter at a time.
template <class T>
class Pending {
 public:
  // Nothing is known of the former message any more. Checked: its coroutine has ended.
  void forget() {
    POSTERN_CHECK(!running_);
    started_ = false;
    value_.reset();
    done_.clear();
  }
  // Once for a message. `make` ends soon after the scope's stop was requested.
  void start(Task<T> make, smtp::CheckScope& scope) {
    POSTERN_CHECK(!started_);
    started_ = running_ = true;
    scope.start(run(*this, std::move(make)));
  }
  [[nodiscard]] bool started() const noexcept { return started_; }
  // Null: it is under way, or was never started.
  [[nodiscard]] const T* now() const noexcept { return value_ ? &*value_ : nullptr; }
  // Suspends until it is there, or `wait` ends: then null. Null at once when it was never started.
  [[nodiscard]] Task<const T*> get(Wait wait) {
    if (started_) static_cast<void>(co_await done_.wait(wait));
    co_return now();
  }

 private:
  static Task<void> run(Pending& pending, Task<T> make) {
    pending.value_ = co_await make;
    make = Task<T>();  // its frame goes before anybody hears of it
    pending.running_ = false;
    pending.done_.set();
  }

  bool started_ = false;
  bool running_ = false;
  std::optional<T> value_;
  Event done_;
};

}  // namespace postern::checks
