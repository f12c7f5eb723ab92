// One io_uring, owned by one thread.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/result.h"
#include "engine/shard/mailbox.h"
#include "engine/shard/poller.h"

namespace postern::ring {

struct Completion {
  std::int32_t result = 0;  // as of the system call: a count, or a negative errno
  std::uint32_t flags = 0;  // IORING_CQE_F_*
  [[nodiscard]] bool final() const noexcept { return (flags & IORING_CQE_F_MORE) == 0; }
};

class Ring;

// Something submitted to the kernel. It owns its buffers and its descriptor until its final completion; only then may it be
// destroyed or submitted again (checked).
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  [[nodiscard]] bool in_flight() const noexcept { return slot_ != kNoSlot; }

 protected:
  ~Operation();

 private:
  friend class Ring;
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  // Called from the loop, one call per completion; when it is final the operation is no longer in flight.
  virtual void on_completion(const Completion& completion) = 0;
  std::uint32_t slot_ = kNoSlot;
};

struct RingOptions {
  unsigned sq_entries = 1024;
  unsigned cq_entries = 4096;
  unsigned direct_descriptors = 1024;
};

struct RingStats {
  Counter enters;       // io_uring_enter calls
  Counter submissions;  // operations handed over
  Counter completions;
  Counter overflows;  // turns in which the CQ was full and the kernel kept completions aside
};

// Wakes a ring's owner from any thread: by IORING_OP_MSG_RING from a thread that has a ring, by eventfd otherwise.
class RingWaker final : public shard::Waker {
 public:
  RingWaker(int ring_descriptor, int event_descriptor) noexcept
      : ring_descriptor_(ring_descriptor), event_descriptor_(event_descriptor) {}
  void wake() noexcept override;

 private:
  int ring_descriptor_;
  int event_descriptor_;
};

class Ring final : public shard::Poller, public shard::Sleeper {
 public:
  // On the thread that will own it. Errors: unsupported or denied, with explain_ring_support() for people.
  [[nodiscard]] static Result<std::unique_ptr<Ring>> create(const RingOptions& options);
  // The same in two steps. Making it may be done on another thread, and while the process still has privileges: what the ring
  // pins then does not count against the run user's limit on locked memory. Nothing else may be called before adopt().
  [[nodiscard]] static Result<std::unique_ptr<Ring>> make(const RingOptions& options);
  [[nodiscard]] Result<void> adopt();
  ~Ring() override;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // A submission entry whose completions go to `operation`. Fill it with io_uring_prep_* (which leave user_data alone) before
  // the next call on this ring. When the queue is full it is submitted first; never fails.
  [[nodiscard]] io_uring_sqe& prepare(Operation& operation);
  // Asks the kernel to end `operation`. Its final completion still comes, as -ECANCELED, success or data.
  void cancel(Operation& operation);

  // Direct descriptors. A slot is given back only when no operation holds it.
  [[nodiscard]] int take_slot() noexcept;  // -1 when none is left
  void give_slot(int slot) noexcept { free_slots_.push_back(slot); }
  [[nodiscard]] std::size_t free_slots() const noexcept { return free_slots_.size(); }
  // Puts an ordinary descriptor into `slot`; the ordinary one stays the caller's.
  [[nodiscard]] Result<void> install(int slot, int descriptor);

  bool poll() override;
  [[nodiscard]] bool allows_sleep() const override { return io_uring_cq_ready(&ring_) == 0; }
  void submit() override;
  void submit_and_sleep(Instant until, Instant now) override;

  [[nodiscard]] io_uring& raw() noexcept { return ring_; }
  [[nodiscard]] shard::Waker& waker() noexcept { return *waker_; }
  [[nodiscard]] const RingStats& stats() const noexcept { return stats_; }
  [[nodiscard]] std::size_t operations_in_flight() const noexcept { return slots_.size() - spare_.size(); }
  // The ring of the calling thread, or nullptr.
  [[nodiscard]] static Ring* current() noexcept;

 private:
  struct Slot {
    Operation* operation = nullptr;
    std::uint32_t generation = 0;
  };
  struct Reaped {
    std::uint64_t user_data;
    Completion completion;
  };
  // Values of user_data that name no operation.
  static constexpr std::uint64_t kIgnored = UINT64_MAX;   // cancel requests
  static constexpr std::uint64_t kWake = UINT64_MAX - 1;  // messages from other rings
  friend class RingWaker;

  Ring() = default;
  io_uring_sqe& next_sqe();
  void dispatch(const Reaped& reaped);
  void listen_for_wakes();
  void enter(unsigned wait_for, __kernel_timespec* timeout);

  class WakeRead;

  io_uring ring_{};
  bool made_ = false;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> spare_;
  std::vector<Reaped> batch_;
  std::vector<int> free_slots_;
  int event_descriptor_ = -1;
  std::unique_ptr<RingWaker> waker_;
  std::unique_ptr<WakeRead> wake_read_;
  RingStats stats_;
};

// For people: why this kernel or this sandbox cannot run us, and what to do about it. Empty when all is well.
[[nodiscard]] std::string explain_ring_support();

}  // namespace postern::ring
