#include "engine/shard/shard_thread.h"

#include <utility>

#include "engine/shard/placement.h"

namespace postern::shard {

ShardThread::ShardThread(std::optional<unsigned> cpu, std::function<void()> body)
    : thread_([cpu, run = std::move(body)] {
        if (cpu) static_cast<void>(pin_to_cpu(*cpu).has_value());
        run();
      }) {}

void StartLine::arrive(bool ready) {
  // Told while the lock is held: who waits may end this object as soon as it sees that all have arrived.
  const std::lock_guard lock(mutex_);
  --missing_;
  all_ready_ = all_ready_ && ready;
  changed_.notify_all();
}

bool StartLine::wait_for_all() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return missing_ == 0; });
  return all_ready_;
}

}  // namespace postern::shard
