#include "engine/buffer/message_buffer.h"

#include <algorithm>
#include <cstring>

namespace postern::inline buffer {

bool MessageBuffer::take(std::size_t bytes) noexcept {
  if (!budget_.try_take(bytes)) return false;
  pinned_ += bytes;
  return true;
}

bool MessageBuffer::append(Slice slice, bool copy) {
  if (slice.empty()) return true;
  const bool crumb = slice.size() < slice.pinned_bytes() / 4;
  // Pieces of one block follow each other when dots were unstuffed; the block is pinned already, so keeping is free.
  const bool pinned_already = slice.block() != nullptr && slice.block() == counted_;
  if (slice.block() != nullptr && (copy || crumb) && !pinned_already) return append_copy(slice.view());
  if (slice.block() != nullptr && !pinned_already) {
    if (!take(slice.pinned_bytes())) return false;
    counted_ = slice.block();
  }
  chain_.append(std::move(slice));
  return true;
}

bool MessageBuffer::append_copy(std::string_view bytes) {
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_used_ == tail_->capacity()) {
      // Grow with the message, so that a small one stays small and a large one needs few blocks.
      Block& block = pool_.acquire(std::min(std::max(chain_.size(), bytes.size()), BlockPool::kLargest));
      if (!take(block.capacity())) {
        pool_.release(block);
        return false;
      }
      tail_ = &block;
      tail_used_ = 0;
    }
    const std::size_t count = std::min<std::size_t>(bytes.size(), tail_->capacity() - tail_used_);
    char* at = tail_->bytes() + tail_used_;
    std::memcpy(at, bytes.data(), count);
    chain_.append(Slice(*tail_, at, count));
    tail_used_ += count;
    copied_bytes_ += count;
    bytes.remove_prefix(count);
  }
  return true;
}

void MessageBuffer::clear() noexcept {
  chain_.clear();
  budget_.give_back(pinned_);
  pinned_ = 0;
  copied_bytes_ = 0;
  tail_ = nullptr;
  counted_ = nullptr;
}

}  // namespace postern::inline buffer
