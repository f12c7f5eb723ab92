#include "engine/buffer/output_buffer.h"

#include <algorithm>
#include <cstring>

namespace postern::inline buffer {

void OutputBuffer::append(std::string_view text) {
  while (!text.empty()) {
    if (tail_ == nullptr || tail_used_ == tail_->capacity()) {
      tail_ = &pool_.acquire(chain_.empty() ? BlockPool::kSizes[0] : BlockPool::kSizes[1]);
      tail_used_ = 0;
    }
    const std::size_t count = std::min<std::size_t>(text.size(), tail_->capacity() - tail_used_);
    char* at = tail_->bytes() + tail_used_;
    std::memcpy(at, text.data(), count);
    chain_.append(Slice(*tail_, at, count));
    tail_used_ += count;
    text.remove_prefix(count);
  }
}

Chain OutputBuffer::take() noexcept {
  tail_ = nullptr;
  return std::move(chain_);
}

}  // namespace postern::inline buffer
