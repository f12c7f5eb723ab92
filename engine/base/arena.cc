#include "engine/base/arena.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace postern::inline base {

char* Arena::allocate(std::size_t size) {
  if (blocks_.empty() || blocks_.back().size - used_ < size) {
    const std::size_t block_size = std::max(size, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(block_size), block_size});
    used_ = 0;
  }
  char* at = blocks_.back().bytes.get() + used_;
  used_ += size;
  return at;
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* at = allocate(text.size());
  std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

void Arena::clear() noexcept {
  const auto small = std::ranges::find(blocks_, kBlockBytes, &Block::size);
  if (small != blocks_.end() && small != blocks_.begin()) std::swap(blocks_.front(), *small);
  blocks_.erase(blocks_.begin() + (small != blocks_.end() ? 1 : 0), blocks_.end());
  used_ = 0;
}

std::size_t Arena::capacity() const noexcept {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

}  // namespace postern::inline base
