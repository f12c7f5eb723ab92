// Pooled memory for what we write ourselves: reply texts, compacted message bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/buffer/slice.h"

namespace postern::inline buffer {

// Blocks of four sizes. Freed blocks are kept for reuse up to a cap per size, the rest goes back to the system. One shard;
// outlives its blocks.
class BlockPool final : public BlockOwner {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() override;

  static constexpr std::array<std::uint32_t, 4> kSizes{1024, 4096, 16384, 65536};
  static constexpr std::size_t kLargest = kSizes.back();

  // A block of the smallest size that holds `bytes` (at most kLargest). References: 0, the first Slice takes it; a block that
  // gets none is given back with release().
  [[nodiscard]] Block& acquire(std::size_t bytes);
  void release(Block& block) noexcept override;

  // Bytes in blocks handed out, and in blocks waiting for reuse.
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_bytes_; }
  [[nodiscard]] std::size_t spare_bytes() const noexcept { return spare_bytes_; }

 private:
  static constexpr std::size_t kSpareBytesMaxPerSize = 1024 * 1024;
  std::array<std::vector<Block*>, kSizes.size()> spare_;
  std::size_t used_bytes_ = 0;
  std::size_t spare_bytes_ = 0;
};

// A copy of `bytes` (any length up to BlockPool::kLargest) in a slice of its own.
[[nodiscard]] Slice copy_to_slice(BlockPool& pool, std::string_view bytes);

}  // namespace postern::inline buffer
