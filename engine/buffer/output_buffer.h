// Text on its way out, gathered in pooled blocks. Holds no memory while empty.
#pragma once

#include <string_view>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"

namespace postern::inline buffer {

// One shard. The pool outlives it.
class OutputBuffer {
 public:
  explicit OutputBuffer(BlockPool& pool) noexcept : pool_(pool) {}

  void append(std::string_view text);
  void append(Slice slice) { chain_.append(std::move(slice)); }
  [[nodiscard]] std::size_t size() const noexcept { return chain_.size(); }
  [[nodiscard]] bool empty() const noexcept { return chain_.empty(); }
  // All that was appended, in order; leaves this empty.
  [[nodiscard]] Chain take() noexcept;

 private:
  BlockPool& pool_;
  Chain chain_;
  Block* tail_ = nullptr;  // referenced by the chain's last slice
  std::size_t tail_used_ = 0;
};

}  // namespace postern::inline buffer
