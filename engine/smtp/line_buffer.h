// One command line while it is worked on, or the part of one that has arrived.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "engine/base/check.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/slice.h"

namespace postern::smtp {

// Memory from the pool, none while released. One shard.
class LineBuffer {
 public:
  explicit LineBuffer(BlockPool& pool) noexcept : pool_(pool) {}
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;

  // Valid until the next change.
  [[nodiscard]] std::string_view view() const noexcept { return {memory_.data(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  // At most BlockPool::kLargest bytes in all.
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (size_ + bytes.size() > memory_.size()) grow(size_ + bytes.size());
    std::memcpy(const_cast<char*>(memory_.data()) + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void truncate(std::size_t size) noexcept {
    POSTERN_CHECK(size <= size_);
    size_ = size;
  }
  // Keeps the memory for the next line of a pipeline.
  void clear() noexcept { size_ = 0; }
  void release() noexcept {
    memory_.reset();
    size_ = 0;
  }

 private:
  void grow(std::size_t bytes) {
    Block& block = pool_.acquire(bytes);
    Slice larger(block, block.bytes(), block.capacity());
    if (size_ > 0) std::memcpy(block.bytes(), memory_.data(), size_);
    memory_ = std::move(larger);
  }

  BlockPool& pool_;
  Slice memory_;  // a whole block, never shared
  std::size_t size_ = 0;
};

}  // namespace postern::smtp
