// A byte sequence in several slices, in order.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/buffer/slice.h"

namespace postern::inline buffer {

// Up to kInline slices need no allocation; the room for more stays until release_room(). Moves leave the source empty.
class Chain {
 public:
  Chain() = default;
  explicit Chain(Slice slice) { append(std::move(slice)); }
  Chain(Chain&& other) noexcept;
  Chain& operator=(Chain&& other) noexcept;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain() = default;

  // Empty slices are dropped. A slice that continues the last one in the same block is merged with it.
  void append(Slice slice);
  void append(Chain other);

  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] std::size_t slice_count() const noexcept { return count_; }
  [[nodiscard]] const Slice& operator[](std::size_t index) const noexcept {
    return index < kInline ? inline_[index] : more_[index - kInline];
  }

  // True when append() would merge `slice` with the last one.
  [[nodiscard]] bool is_continued_by(const Slice& slice) const noexcept {
    if (count_ == 0) return false;
    const Slice& last = (*this)[count_ - 1];
    return last.block() != nullptr && last.block() == slice.block() && last.data() + last.size() == slice.data();
  }

  // Drops the slices; keeps the room.
  void clear() noexcept;
  void release_room() noexcept { more_.shrink_to_fit(); }

  // Appends all bytes to `out`.
  void copy_to(std::string& out) const;
  [[nodiscard]] std::string to_string() const;

 private:
  static constexpr std::size_t kInline = 4;
  [[nodiscard]] Slice& at(std::size_t index) noexcept { return index < kInline ? inline_[index] : more_[index - kInline]; }

  std::array<Slice, kInline> inline_;
  std::vector<Slice> more_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace postern::inline buffer
