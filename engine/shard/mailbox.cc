#include "engine/shard/mailbox.h"

#include <bit>
#include <thread>

#include "engine/base/check.h"

namespace postern::shard {

Mailbox::Mailbox(std::size_t capacity, Waker& waker)
    : waker_(waker), mask_(capacity - 1), cells_(std::make_unique<Cell[]>(capacity)) {
  POSTERN_CHECK(std::has_single_bit(capacity));
  for (std::size_t i = 0; i < capacity; ++i) cells_[i].sequence.store(i, std::memory_order_relaxed);
}

Mailbox::~Mailbox() {
  while (posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

bool Mailbox::post(Letter letter) noexcept {
  // Counted before the letter can be opened and until the mailbox is no longer touched: its opening may be what ends the
  // mailbox.
  posting_.fetch_add(1, std::memory_order_relaxed);
  const bool posted = put(letter);
  if (posted) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.exchange(false, std::memory_order_relaxed)) waker_.wake();
  }
  posting_.fetch_sub(1, std::memory_order_release);
  return posted;
}

// A cell's sequence says whose turn it is: equal to the position, the sender's; one more, the receiver's; a round more, the
// next sender's.
bool Mailbox::put(Letter letter) noexcept {
  std::uint64_t position = next_post_.load(std::memory_order_relaxed);
  for (;;) {
    Cell& cell = cells_[position & mask_];
    const std::uint64_t sequence = cell.sequence.load(std::memory_order_acquire);
    if (sequence < position) return false;
    if (sequence > position) {
      position = next_post_.load(std::memory_order_relaxed);
      continue;
    }
    if (!next_post_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) continue;
    cell.letter = letter;
    cell.sequence.store(position + 1, std::memory_order_release);
    return true;
  }
}

bool Mailbox::has_letter() const noexcept {
  return cells_[next_open_ & mask_].sequence.load(std::memory_order_acquire) == next_open_ + 1;
}

bool Mailbox::poll() {
  asleep_.store(false, std::memory_order_relaxed);
  std::uint64_t opened = 0;
  for (; opened <= mask_ && has_letter(); ++opened) {
    Cell& cell = cells_[next_open_ & mask_];
    const Letter letter = cell.letter;
    cell.sequence.store(next_open_ + mask_ + 1, std::memory_order_release);
    ++next_open_;
    letter.open(letter.argument);
  }
  return opened > 0;
}

bool Mailbox::allows_sleep() const {
  asleep_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return !has_letter();
}

}  // namespace postern::shard
