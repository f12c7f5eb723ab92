#include "engine/buffer/block_pool.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace postern::inline buffer {

BlockPool::~BlockPool() {
  POSTERN_CHECK(used_bytes_ == 0);
  for (auto& list : spare_)
    for (Block* block : list) {
      block->~Block();
      ::operator delete(static_cast<void*>(block));
    }
}

Block& BlockPool::acquire(std::size_t bytes) {
  POSTERN_CHECK(bytes <= kLargest);
  const auto size = std::ranges::lower_bound(kSizes, bytes);
  const auto size_class = static_cast<std::uint32_t>(size - kSizes.begin());
  used_bytes_ += *size;
  auto& list = spare_[size_class];
  if (!list.empty()) {
    Block& block = *list.back();
    list.pop_back();
    spare_bytes_ -= *size;
    return block;
  }
  void* memory = ::operator new(sizeof(Block) + *size);
  char* data = static_cast<char*>(memory) + sizeof(Block);
  return *new (memory) Block(*this, data, *size, size_class);
}

void BlockPool::release(Block& block) noexcept {
  used_bytes_ -= block.capacity();
  auto& list = spare_[block.index()];
  if ((list.size() + 1) * block.capacity() <= kSpareBytesMaxPerSize) {
    spare_bytes_ += block.capacity();
    list.push_back(&block);
    return;
  }
  block.~Block();
  ::operator delete(static_cast<void*>(&block));
}

Slice copy_to_slice(BlockPool& pool, std::string_view bytes) {
  if (bytes.empty()) return {};
  Block& block = pool.acquire(bytes.size());
  std::memcpy(block.bytes(), bytes.data(), bytes.size());
  return Slice(block, block.bytes(), bytes.size());
}

}  // namespace postern::inline buffer
