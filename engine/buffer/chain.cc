#include "engine/buffer/chain.h"

namespace postern::inline buffer {

Chain::Chain(Chain&& other) noexcept
    : inline_(std::move(other.inline_)),
      more_(std::move(other.more_)),
      count_(std::exchange(other.count_, 0)),
      bytes_(std::exchange(other.bytes_, 0)) {
  other.more_.clear();
}

Chain& Chain::operator=(Chain&& other) noexcept {
  if (this == &other) return *this;
  clear();
  inline_ = std::move(other.inline_);
  more_ = std::move(other.more_);
  other.more_.clear();
  count_ = std::exchange(other.count_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void Chain::append(Slice slice) {
  if (slice.empty()) return;
  bytes_ += slice.size();
  if (is_continued_by(slice)) {
    Slice& last = at(count_ - 1);
    const char* begin = last.data();
    const std::size_t joined = last.size() + slice.size();
    last = Slice(const_cast<Block&>(*slice.block()), begin, joined);
    return;
  }
  if (count_ < kInline)
    inline_[count_] = std::move(slice);
  else
    more_.push_back(std::move(slice));
  ++count_;
}

void Chain::append(Chain other) {
  for (std::size_t i = 0; i < other.count_; ++i) append(std::move(other.at(i)));
}

void Chain::clear() noexcept {
  for (std::size_t i = 0; i < count_ && i < kInline; ++i) inline_[i].reset();
  more_.clear();
  count_ = 0;
  bytes_ = 0;
}

void Chain::copy_to(std::string& out) const {
  out.reserve(out.size() + bytes_);
  for (std::size_t i = 0; i < count_; ++i) out.append((*this)[i].view());
}

std::string Chain::to_string() const {
  std::string out;
  copy_to(out);
  return out;
}

}  // namespace postern::inline buffer
