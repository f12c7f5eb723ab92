#include "engine/shard/offload.h"

#include "engine/base/check.h"

namespace postern::shard {
namespace {
thread_local Mailbox* home_mailbox = nullptr;
}

void Offload::set_home(Mailbox* mailbox) noexcept { home_mailbox = mailbox; }

Mailbox& Offload::home() noexcept {
  POSTERN_CHECK(home_mailbox != nullptr);
  return *home_mailbox;
}

Offload::Offload(std::size_t threads, std::size_t queue_max) : queue_max_(queue_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Offload::~Offload() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
}

bool Offload::submit(OffloadJob& job, Mailbox& reply_to) {
  {
    const std::lock_guard lock(mutex_);
    if (unfinished_ == queue_max_) return false;
    ++unfinished_;
    job.reply_to_ = &reply_to;
    queue_.push_back(&job);
  }
  wanted_.notify_one();
  return true;
}

void Offload::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    OffloadJob* job = queue_.front();
    queue_.pop_front();
    lock.unlock();
    Mailbox& reply_to = *job->reply_to_;
    job->run_on_pool();
    const Letter letter{[](void* argument) { static_cast<OffloadJob*>(argument)->done_on_shard(); }, job};
    // The cap keeps unfinished jobs below the room in a mailbox of the pool's users, so this waits only while a shard is busy.
    while (!reply_to.post(letter)) std::this_thread::yield();
    lock.lock();
    --unfinished_;
  }
}

}  // namespace postern::shard
