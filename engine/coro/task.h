// Task<T>: a lazy coroutine. It starts when awaited, is awaited once, and resumes its awaiter directly when it ends. It moves;
// whoever holds it owns the frame. Exceptions do not leave a coroutine: one that would ends the process.
//
// Parameters are copied into the frame, but a view or a reference among them still points outside it: pass owned bytes, or
// bytes whose owner is awaiting you. A lambda that captures is not a coroutine (its captures die with the lambda object).
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/frame_pool.h"

namespace postern::inline coro {

template <class T>
class Task;

namespace detail {

class PromiseBase {
 public:
  [[nodiscard]] static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().awaiter_;
    }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  void set_awaiter(std::coroutine_handle<> awaiter) noexcept { awaiter_ = awaiter; }

 private:
  std::coroutine_handle<> awaiter_ = std::noop_coroutine();
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  [[nodiscard]] T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { destroy(); }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) const noexcept {
      frame_.promise().set_awaiter(awaiter);
      return frame_;
    }
    [[nodiscard]] T await_resume() const { return frame_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> frame_;
  };

  // Once, and while this Task lives.
  [[nodiscard]] Awaiter operator co_await() const noexcept {
    POSTERN_CHECK(frame_ && !frame_.done());
    return Awaiter(frame_);
  }

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(frame_); }

 private:
  void destroy() noexcept {
    if (frame_) frame_.destroy();
  }
  std::coroutine_handle<promise_type> frame_;
};

// await_resume of Task<void> is [[nodiscard]] on void, which means nothing; Task<Result<T>> is what it guards.

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

namespace detail {

// A coroutine that owns itself: it starts at once and frees its frame at its end. Only Gate makes one.
struct Detached {
  struct promise_type : PromiseBase {
    [[nodiscard]] Detached get_return_object() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };
};

}  // namespace detail
}  // namespace postern::inline coro
