// Threads of a sharded process: made here and nowhere else.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace postern::shard {

// Runs `body` on a thread of its own, tied to `cpu` when given (a CPU that cannot be had is not an error). Joins when
// destroyed.
class ShardThread {
 public:
  ShardThread(std::optional<unsigned> cpu, std::function<void()> body);

 private:
  std::jthread thread_;
};

// Where threads report that they are ready, or why not, and one waits for all.
class StartLine {
 public:
  explicit StartLine(unsigned threads) noexcept : missing_(threads) {}
  // Once for each thread.
  void arrive(bool ready);
  // Waits until all have arrived. True when all are ready.
  [[nodiscard]] bool wait_for_all();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned missing_;
  bool all_ready_ = true;
};

}  // namespace postern::shard
