// A ring of receive buffers that the kernel picks from (IORING_REGISTER_PBUF_RING).
#pragma once

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/base/result.h"
#include "engine/buffer/slice.h"
#include "engine/ring/ring.h"

namespace postern::ring {

// Somebody whose receive ended for want of buffers.
class BufferWaiter {
 public:
  // Buffers are back. Called once, from the loop.
  virtual void buffers_back() = 0;

 protected:
  ~BufferWaiter() = default;

 private:
  friend class BufferGroup;
  BufferWaiter* next_ = nullptr;
  bool queued_ = false;
};

// The kernel takes buffers in the order in which they were offered, so all that are offered come to be used, and stay in
// memory, in turn. Therefore only some are offered at a time; the rest lies spare, the latest on top, and more are offered for
// good once the kernel has run out. One shard. Outlives every slice of its buffers.
class BufferGroup final : public BlockOwner {
 public:
  // `count` is a power of two, at most 32768.
  [[nodiscard]] static Result<std::unique_ptr<BufferGroup>> create(Ring& ring, std::uint16_t group, std::uint32_t count,
                                                                   std::uint32_t bytes_each);
  ~BufferGroup() override;
  BufferGroup(const BufferGroup&) = delete;
  BufferGroup& operator=(const BufferGroup&) = delete;

  [[nodiscard]] std::uint16_t id() const noexcept { return id_; }
  [[nodiscard]] std::uint32_t bytes_each() const noexcept { return bytes_each_; }
  // The bytes of a receive that completed with buffer selection.
  [[nodiscard]] Slice take(const Completion& completion);
  void release(Block& block) noexcept override;

  // Fewer than a quarter of the buffers are free: whoever keeps bytes for long should copy them.
  [[nodiscard]] bool scarce() const noexcept { return free_ < count_ / 4; }
  [[nodiscard]] std::uint32_t free_buffers() const noexcept { return free_; }
  [[nodiscard]] std::uint32_t buffers() const noexcept { return count_; }
  // Queues `waiter` (first come, first served) until an eighth of the buffers is free again; that may be so already, and it is
  // called from within then.
  void wait_for_buffers(BufferWaiter& waiter) noexcept;
  void forget(BufferWaiter& waiter) noexcept;

 private:
  BufferGroup(Ring& ring, std::uint16_t id, std::uint32_t count, std::uint32_t bytes_each) noexcept
      : ring_(ring), id_(id), count_(count), bytes_each_(bytes_each) {}
  void offer(std::uint32_t index) noexcept;
  void top_up() noexcept;
  void wake_waiters();
  [[nodiscard]] bool enough_free() const noexcept { return free_ > 0 && free_ >= count_ / 8; }

  Ring& ring_;
  std::uint16_t id_;
  std::uint32_t count_;
  std::uint32_t bytes_each_;
  std::uint32_t free_ = 0;     // offered and spare
  std::uint32_t offered_ = 0;  // as far as we know: completions may be on their way
  std::uint32_t offered_wanted_ = 0;
  std::vector<std::uint32_t> spare_;
  char* memory_ = nullptr;
  io_uring_buf_ring* entries_ = nullptr;
  bool registered_ = false;
  bool waking_ = false;
  std::deque<Block> blocks_;
  BufferWaiter* first_waiter_ = nullptr;
  BufferWaiter** last_link_ = &first_waiter_;
};

}  // namespace postern::ring
