// Messages from other threads to a shard's loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/shard/poller.h"

namespace postern::shard {

// Wakes the loop that sleeps in its ring. Any thread.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() noexcept = 0;
};

// One piece of work for the receiving thread; its sender and receiver agree on its life.
struct Letter {
  void (*open)(void* argument) = nullptr;
  void* argument = nullptr;
};

// Bounded; many senders, one receiver; no locks. The receiver's loop polls it.
class Mailbox final : public Poller {
 public:
  // `capacity` is a power of two. The waker outlives the mailbox.
  Mailbox(std::size_t capacity, Waker& waker);
  // Waits for senders whose letter has been opened and who have yet to leave post(); nobody may begin to post any more.
  ~Mailbox() override;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False when the mailbox is full: the sender keeps the letter. Any thread.
  [[nodiscard]] bool post(Letter letter) noexcept;

  // Opens at most as many letters as the mailbox holds.
  bool poll() override;
  // Declares the receiver asleep, then looks again: a letter posted before the declaration is seen here, one posted after it
  // wakes the ring.
  [[nodiscard]] bool allows_sleep() const override;

 private:
  struct Cell {
    std::atomic<std::uint64_t> sequence;
    Letter letter;
  };
  [[nodiscard]] bool put(Letter letter) noexcept;
  [[nodiscard]] bool has_letter() const noexcept;

  Waker& waker_;
  const std::uint64_t mask_;
  std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::uint64_t> next_post_{0};
  std::atomic<std::uint32_t> posting_{0};  // senders inside post()
  alignas(64) std::uint64_t next_open_ = 0;
  mutable std::atomic<bool> asleep_{false};
};

}  // namespace postern::shard
