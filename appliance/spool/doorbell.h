// How delivery learns what has become durable, without a system call per message: a page shared by two processes with a slot
// for each shard, and an eventfd per slot for a reader that sleeps.
//
// Publish: store the offset (release), fence, and write to the eventfd only when the reader has declared itself asleep. The
// reader declares, fences, and looks again before it sleeps. One of the two sees the other, so no wake-up is lost. A change of
// segment is three words; they are written under a sequence number that is odd meanwhile. Each side treats the page as
// untrusted: what it reads is checked, loops are bounded, and the page is sealed against shrinking.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "appliance/spool/segment_format.h"
#include "appliance/spool/unique_fd.h"
#include "engine/base/counter.h"
#include "engine/base/result.h"

namespace postern::spool {

// Every batch of `segment` below `offset` is durable. All earlier segments have their final end on the disk.
struct DurablePosition {
  SegmentKey segment;
  std::uint64_t offset = 0;  // a block boundary

  friend bool operator==(const DurablePosition&, const DurablePosition&) = default;
};

// The shared layout. Zeros: nothing was ever published.
struct DoorbellSlot {
  // Written by ingress.
  alignas(64) std::atomic<std::uint64_t> sequence;
  std::atomic<std::uint64_t> number;
  std::atomic<std::uint64_t> incarnation;
  std::atomic<std::uint64_t> offset;
  // Set by the reader, cleared by whoever wakes it.
  alignas(64) std::atomic<std::uint32_t> asleep;
};
static_assert(sizeof(DoorbellSlot) == 128 && std::atomic<std::uint64_t>::is_always_lock_free);

// Ingress' side of one slot. One shard but for position(); borrowed from its Doorbell. Stays where it was made.
class Publisher {
 public:
  // Without a page: whoever wants to know asks for position().
  Publisher() noexcept = default;
  Publisher(DoorbellSlot& slot, int event_fd) noexcept : slot_(&slot), event_fd_(event_fd) {}

  // Never suspends. Within a segment the offset never goes back (checked).
  void publish(const DurablePosition& position) noexcept;
  // What was published last, from memory that no other process can write to. Any thread. Nothing when nothing was, or when it
  // changed too often to be read.
  [[nodiscard]] std::optional<DurablePosition> position() const noexcept;
  // How often a sleeper was woken, each a system call.
  [[nodiscard]] const Counter& wake_ups() const noexcept { return wake_ups_; }

 private:
  void store(DoorbellSlot& slot, const DurablePosition& position) const noexcept;
  void wake_reader() noexcept;

  DoorbellSlot* slot_ = nullptr;
  int event_fd_ = -1;
  DoorbellSlot own_{};
  DurablePosition last_;
  Counter wake_ups_;
};

// The reader's side of one slot. One shard; borrowed from its Doorbell.
class Subscriber {
 public:
  Subscriber(DoorbellSlot& slot, int event_fd) noexcept : slot_(&slot), event_fd_(event_fd) {}

  // The latest position; nothing when none was ever published. busy when ingress is changing segments or died while it did
  // (look again later); bad_format when the page does not make sense or goes back: treat the doorbell as lost.
  [[nodiscard]] Result<std::optional<DurablePosition>> read() noexcept;
  // Declares this reader asleep. True when nothing came since the last read(), so that it may now wait for event_fd() to become
  // readable; false when there is news, and then it is not asleep.
  [[nodiscard]] bool try_sleep() noexcept;
  // Takes back the declaration and empties the eventfd. After every wait.
  void wake() noexcept;
  // Borrowed; non-blocking.
  [[nodiscard]] int event_fd() const noexcept { return event_fd_; }

 private:
  DoorbellSlot* slot_;
  int event_fd_;
  std::optional<DurablePosition> last_;
};

class Doorbell {
 public:
  static constexpr std::uint32_t kSlotsMax = 4096;

  // A new page and its eventfds, all close-on-exec. For `run`, which hands the descriptors to its children.
  [[nodiscard]] static Result<Doorbell> create(std::uint32_t slots);
  // The same page in another process. Takes over the descriptors. invalid when the page is not large enough for as many slots
  // as there are eventfds, or could shrink.
  [[nodiscard]] static Result<Doorbell> attach(int memory_fd, std::span<const int> event_fds);

  Doorbell(Doorbell&&) noexcept = default;
  Doorbell& operator=(Doorbell&&) noexcept = default;
  ~Doorbell() = default;

  [[nodiscard]] std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(events_.size()); }
  // Borrowed.
  [[nodiscard]] int memory_fd() const noexcept { return memory_.get(); }
  [[nodiscard]] int event_fd(std::uint32_t slot) const { return events_.at(slot).get(); }
  // One of each per slot at a time. Checked: slot < slots().
  [[nodiscard]] Publisher publisher(std::uint32_t slot);
  [[nodiscard]] Subscriber subscriber(std::uint32_t slot);

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(DoorbellSlot* page) const noexcept;
  };
  Doorbell() = default;
  [[nodiscard]] Result<void> map(std::uint32_t slots);
  [[nodiscard]] DoorbellSlot& slot(std::uint32_t index);

  UniqueFd memory_;
  std::vector<UniqueFd> events_;
  std::unique_ptr<DoorbellSlot, Unmap> page_{nullptr, Unmap{0}};
};

}  // namespace postern::spool
