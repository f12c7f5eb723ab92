// The bytes of a message while it arrives: slices of receive buffers where that is cheap, compacted copies where it is not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"

namespace postern::inline buffer {

// A shard's cap on memory pinned by messages in flight. One shard.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  [[nodiscard]] bool try_take(std::size_t bytes) noexcept {
    if (used_ > bytes_max_ || bytes > bytes_max_ - used_) return false;
    used_ += bytes;
    return true;
  }
  // For what is in memory already: may go beyond the cap.
  void take(std::size_t bytes) noexcept { used_ += bytes; }
  void give_back(std::size_t bytes) noexcept {
    POSTERN_CHECK(bytes <= used_);
    used_ -= bytes;
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  // Half of it is used: whoever can do with less should.
  [[nodiscard]] bool is_tight() const noexcept { return used_ > bytes_max_ / 2; }
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }

 private:
  std::size_t bytes_max_;
  std::size_t used_ = 0;
};

// One shard; pool and budget outlive it.
class MessageBuffer {
 public:
  MessageBuffer(BlockPool& pool, MemoryBudget& budget) noexcept : pool_(pool), budget_(budget) {}
  MessageBuffer(const MessageBuffer&) = delete;
  MessageBuffer& operator=(const MessageBuffer&) = delete;
  ~MessageBuffer() { clear(); }

  // Appends the bytes. `copy` asks for a copy although the slice would be cheap to keep (its source runs short of buffers). A
  // slice that uses less than a quarter of its block is copied anyway: a peer sending crumbs must not pin whole buffers. Only
  // where a stream was cut, one between others that are kept, in each kBytesPerCrumb bytes, stays. Small pieces of a block that
  // is kept are copied, too. A slice larger than BlockPool::kLargest is never copied.
  // False when the shard's budget is used up; the bytes are then not appended.
  [[nodiscard]] bool append(Slice slice, bool copy = false);

  // Moves what lies behind the first `keep_bytes` to the end of `to`. Nothing is copied; a block that both have bytes of then
  // counts in both.
  void move_tail(std::size_t keep_bytes, MessageBuffer& to);

  [[nodiscard]] const Chain& chain() const noexcept { return chain_; }
  [[nodiscard]] std::size_t size() const noexcept { return chain_.size(); }
  // Bytes copied here on the way in, beyond the one copy into the commit batch.
  [[nodiscard]] std::uint64_t copied_bytes() const noexcept { return copied_bytes_; }
  [[nodiscard]] std::size_t pinned_bytes() const noexcept { return pinned_; }
  // Lets go of all bytes and their share of the budget.
  void clear() noexcept;

 private:
  // A smaller piece of a block pinned already is copied: slices take memory, too, which the budget does not see.
  static constexpr std::size_t kPieceBytesMin = 128;
  static constexpr std::size_t kBytesPerCrumb = 8 * 1024;

  [[nodiscard]] bool keeps_crumb() const noexcept { return !behind_copy_ && crumbs_kept_ < size() / kBytesPerCrumb; }
  bool append_copy(std::string_view bytes);
  void append_to_tail(std::string_view bytes);
  bool take(std::size_t bytes) noexcept;
  // Keeps slices as they are, whatever they pin: they were in memory before.
  void adopt(Chain slices);

  BlockPool& pool_;
  MemoryBudget& budget_;
  Chain chain_;
  Block* tail_ = nullptr;  // our own block with room at its end, referenced by the chain
  std::size_t tail_used_ = 0;
  const Block* counted_ = nullptr;  // the block whose capacity was counted last
  std::size_t crumbs_kept_ = 0;
  bool behind_copy_ = false;  // the last bytes were copied
  std::size_t pinned_ = 0;
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace postern::inline buffer
