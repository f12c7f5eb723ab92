// What a hook decides about one step of the dialogue, and an answer that may be there at once.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "engine/coro/task.h"

namespace postern::smtp {

enum class Decision : std::uint8_t {
  accept,
  deny,     // permanent: 550 where the text brings no code of its own (252 for VRFY, 458 for ETRN)
  defer,    // temporary: 451 likewise
  drop,     // deny, then the connection is closed
  discard,  // the peer is told that all is well and what was judged goes nowhere; means accept where nothing can be discarded
};

// Built without allocating while the texts are empty.
struct Verdict {
  Decision decision = Decision::accept;
  // From configuration, replaces the built-in reply text. It may begin with a reply code and an enhanced code, each followed by
  // a space ("550 5.7.1 no"), of the same first digit as the code they replace; several lines are separated by \n.
  std::string text = {};
  // For the log line of a refusal; empty: `text` is logged.
  std::string log_text = {};

  [[nodiscard]] bool passes() const noexcept { return decision == Decision::accept || decision == Decision::discard; }
};

// What a virtual function returns that mostly knows its answer at once, but may have to wait: a T, or a Task<T>. It costs no
// coroutine frame in the first case. A function that returns it may be a plain one (`return Verdict{};`) or a coroutine
// (`co_return Verdict{};`). Awaited at most once, by whoever called; one that is never awaited is never started.
template <class T>
class [[nodiscard]] ReadyOr {
 public:
  using promise_type = typename Task<T>::promise_type;

  // Anything that a T is made of: `return Verdict{};`, and `return sink;` or `return failure(...)` for a Result.
  template <class U>
    requires std::convertible_to<U&&, T> &&
             (!std::same_as<std::remove_cvref_t<U>, Task<T>> && !std::same_as<std::remove_cvref_t<U>, ReadyOr>)
  ReadyOr(U&& value) : value_(std::in_place, std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)
  ReadyOr(Task<T> task) noexcept : task_(std::move(task)) {}             // NOLINT(google-explicit-constructor)

  // True when awaiting does not suspend.
  [[nodiscard]] bool is_ready() const noexcept { return value_.has_value(); }

  class Awaiter {
   public:
    explicit Awaiter(ReadyOr& answer) noexcept : answer_(answer) {}
    [[nodiscard]] bool await_ready() const noexcept { return answer_.is_ready(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) {
      task_.emplace(answer_.task_.operator co_await());
      return task_->await_suspend(awaiter);
    }
    [[nodiscard]] T await_resume() { return task_ ? task_->await_resume() : std::move(*answer_.value_); }

   private:
    ReadyOr& answer_;
    std::optional<typename Task<T>::Awaiter> task_;
  };
  [[nodiscard]] Awaiter operator co_await() noexcept { return Awaiter(*this); }

 private:
  std::optional<T> value_;
  Task<T> task_;
};

}  // namespace postern::smtp
