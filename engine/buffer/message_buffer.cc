#include "engine/buffer/message_buffer.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

namespace postern::inline buffer {
namespace {

// The blocks that the slices lie in, each counted once.
std::size_t pinned_by(const Chain& chain) {
  std::vector<const Block*> blocks;
  for (std::size_t i = 0; i < chain.slice_count(); ++i)
    if (chain[i].block() != nullptr) blocks.push_back(chain[i].block());
  std::ranges::sort(blocks, std::less<>());
  const auto [first, last] = std::ranges::unique(blocks);
  blocks.erase(first, last);
  std::size_t bytes = 0;
  for (const Block* block : blocks) bytes += block->capacity();
  return bytes;
}

}  // namespace

bool MessageBuffer::take(std::size_t bytes) noexcept {
  if (!budget_.try_take(bytes)) return false;
  pinned_ += bytes;
  return true;
}

bool MessageBuffer::append(Slice slice, bool copy) {
  if (slice.empty()) return true;
  if (slice.block() != nullptr && !chain_.is_continued_by(slice)) {
    // Pieces of one block follow each other when dots were unstuffed. The block is pinned already, so a piece costs its slice
    // only.
    const bool pinned_already = slice.block() == counted_;
    const bool crumb = slice.size() < (pinned_already ? kPieceBytesMin : slice.pinned_bytes() / 4);
    const bool kept_crumb = crumb && !pinned_already && !copy && keeps_crumb();
    if (((crumb && !kept_crumb) || (copy && !pinned_already)) && slice.size() <= BlockPool::kLargest)
      return append_copy(slice.view());
    if (!pinned_already && !take(slice.pinned_bytes())) return false;
    counted_ = slice.block();
    if (kept_crumb) ++crumbs_kept_;
  }
  behind_copy_ = false;
  chain_.append(std::move(slice));
  return true;
}

bool MessageBuffer::append_copy(std::string_view bytes) {
  const std::size_t room = tail_ != nullptr ? tail_->capacity() - tail_used_ : 0;
  const std::string_view rest = bytes.substr(std::min(room, bytes.size()));
  Block* next = nullptr;
  if (!rest.empty()) {
    // Had first, so that bytes are appended whole or not at all. It grows with the message: a small one stays small and a large
    // one needs few blocks.
    next = &pool_.acquire(std::min(std::max(chain_.size(), rest.size()), BlockPool::kLargest));
    if (!take(next->capacity())) {
      pool_.release(*next);
      return false;
    }
  }
  append_to_tail(bytes.substr(0, bytes.size() - rest.size()));
  if (next != nullptr) {
    tail_ = next;
    tail_used_ = 0;
    append_to_tail(rest);
  }
  copied_bytes_ += bytes.size();
  behind_copy_ = true;
  return true;
}

void MessageBuffer::append_to_tail(std::string_view bytes) {
  if (bytes.empty()) return;
  char* at = tail_->bytes() + tail_used_;
  std::memcpy(at, bytes.data(), bytes.size());
  chain_.append(Slice(*tail_, at, bytes.size()));
  tail_used_ += bytes.size();
}

void MessageBuffer::adopt(Chain slices) {
  const std::size_t pinned = pinned_by(slices);
  budget_.take(pinned);
  pinned_ += pinned;
  chain_.append(std::move(slices));
}

void MessageBuffer::move_tail(std::size_t keep_bytes, MessageBuffer& to) {
  const Chain all = std::exchange(chain_, Chain());
  const std::uint64_t copied = copied_bytes_;
  clear();
  copied_bytes_ = copied;
  Chain kept;
  Chain moved;
  for (std::size_t i = 0; i < all.slice_count(); ++i) {
    const Slice& slice = all[i];
    const std::size_t here = std::min(keep_bytes - kept.size(), slice.size());
    kept.append(slice.sub(0, here));
    moved.append(slice.sub(here, slice.size() - here));
  }
  adopt(std::move(kept));
  to.adopt(std::move(moved));
}

void MessageBuffer::clear() noexcept {
  chain_.clear();
  budget_.give_back(pinned_);
  pinned_ = 0;
  copied_bytes_ = 0;
  crumbs_kept_ = 0;
  behind_copy_ = false;
  tail_ = nullptr;
  counted_ = nullptr;
}

}  // namespace postern::inline buffer
