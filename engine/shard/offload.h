// A bounded pool of threads for what would block a shard: directory operations, zero-filling, log files, libraries that wait.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/coro/scheduler.h"
#include "engine/shard/mailbox.h"

namespace postern::shard {

// A function to run on the pool and where its completion goes.
class OffloadJob {
 public:
  virtual ~OffloadJob() = default;
  virtual void run_on_pool() = 0;    // on a pool thread
  virtual void done_on_shard() = 0;  // on the shard, from its mailbox

 private:
  friend class Offload;
  Mailbox* reply_to_ = nullptr;
};

class Offload {
 public:
  // At most `queue_max` jobs wait or run; the mailboxes of all who submit must hold as many letters.
  Offload(std::size_t threads, std::size_t queue_max);
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;
  // Finishes what is queued, then joins.
  ~Offload();

  // False when the queue is full. The job lives until done_on_shard().
  [[nodiscard]] bool submit(OffloadJob& job, Mailbox& reply_to);

  // Names the mailbox of the calling shard, for run().
  static void set_home(Mailbox* mailbox) noexcept;
  [[nodiscard]] static Mailbox& home() noexcept;

  template <class Function>
  class Running;
  // Awaits function() on a pool thread and gives its result, which is a Result<U>. too_large when the queue is full. What the
  // function captures stays alive in the awaiting frame.
  template <class Function>
  [[nodiscard]] Running<Function> run(Function function) {
    return Running<Function>(*this, std::move(function));
  }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<OffloadJob*> queue_;
  std::size_t unfinished_ = 0;
  const std::size_t queue_max_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

template <class Function>
class [[nodiscard]] Offload::Running final : private OffloadJob {
 public:
  using Outcome = std::invoke_result_t<Function&>;

  Running(Offload& offload, Function function) : offload_(offload), function_(std::move(function)) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    if (offload_.submit(*this, home())) return true;
    outcome_.emplace(failure(Errc::too_large, "offload queue"));
    return false;
  }
  [[nodiscard]] Outcome await_resume() { return std::move(*outcome_); }

 private:
  void run_on_pool() override { outcome_.emplace(function_()); }
  void done_on_shard() override { Scheduler::current().schedule(handle_); }

  Offload& offload_;
  Function function_;
  std::coroutine_handle<> handle_;
  std::optional<Outcome> outcome_;
};

}  // namespace postern::shard
