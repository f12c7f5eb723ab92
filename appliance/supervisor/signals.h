// Signals of a process whose work is done on other threads: the first thread waits for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace postern::supervisor {

// Blocks what wait_for_end() waits for, in this thread and those made from it, and ignores SIGPIPE. Before any thread is made.
void block_signals();

// Counts threads at work.
class WorkingThreads {
 public:
  explicit WorkingThreads(std::uint32_t count) noexcept : working_(count) {}
  // By each thread, as the last thing it does.
  void ended();
  [[nodiscard]] bool any() const noexcept { return working_ > 0; }

 private:
  std::atomic<std::uint32_t> working_;
};

// What signals ask for; called on the waiting thread.
struct SignalActions {
  std::function<void()> stop;    // the first SIGTERM or SIGINT
  std::function<void()> reload;  // SIGHUP; may be empty. Not called any more once `stop` was
};

// Until all threads have ended. A second SIGTERM or SIGINT ends the process at once, with status 0.
void wait_for_end(const WorkingThreads& threads, const SignalActions& actions);

}  // namespace postern::supervisor
