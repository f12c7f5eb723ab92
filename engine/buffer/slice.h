// Slices: owned views of bytes in reference-counted blocks. Holding a slice pins its whole block, so whoever keeps bytes for
// long looks at pinned_bytes() and copies crumbs (MessageBuffer does). One shard; counts are not atomic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/base/check.h"

namespace postern::inline buffer {

class Block;

// Where blocks come from and go back to: a receive buffer group, a pool. Outlives its blocks.
class BlockOwner {
 public:
  virtual ~BlockOwner() = default;
  // The last slice of `block` has gone.
  virtual void release(Block& block) noexcept = 0;
};

// The head of a buffer. It stands apart from the bytes, which may be registered with the kernel.
class Block {
 public:
  Block(BlockOwner& owner, char* bytes, std::uint32_t capacity, std::uint32_t index = 0) noexcept
      : owner_(&owner), bytes_(bytes), capacity_(capacity), index_(index) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  [[nodiscard]] char* bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  // The owner's number for it (a buffer id).
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint32_t references() const noexcept { return references_; }

  void retain() noexcept { ++references_; }
  void drop() noexcept {
    POSTERN_CHECK(references_ > 0);
    if (--references_ == 0) owner_->release(*this);
  }

 private:
  BlockOwner* owner_;
  char* bytes_;
  std::uint32_t capacity_;
  std::uint32_t index_;
  std::uint32_t references_ = 0;
};

class Slice {
 public:
  Slice() = default;
  // Takes a reference to `block`; [data, data + size) lies within it.
  Slice(Block& block, const char* data, std::size_t size) noexcept : block_(&block), data_(data), size_(size) {
    block.retain();
  }
  // Bytes that live as long as the program (a string literal); pins nothing.
  [[nodiscard]] static Slice literal(std::string_view bytes) noexcept {
    Slice s;
    s.data_ = bytes.data();
    s.size_ = bytes.size();
    return s;
  }
  Slice(const Slice& other) noexcept : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_ != nullptr) block_->retain();
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), data_(other.data_), size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(const Slice& other) noexcept {
    if (this != &other) *this = Slice(other);
    return *this;
  }
  Slice& operator=(Slice&& other) noexcept {
    if (this != &other) {
      reset();
      block_ = std::exchange(other.block_, nullptr);
      data_ = other.data_;
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Slice() { reset(); }

  [[nodiscard]] const char* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  // Valid while a slice of the block lives.
  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  // Memory that this slice keeps from being reused.
  [[nodiscard]] std::size_t pinned_bytes() const noexcept { return block_ != nullptr ? block_->capacity() : 0; }
  [[nodiscard]] const Block* block() const noexcept { return block_; }

  void remove_prefix(std::size_t count) noexcept {
    POSTERN_CHECK(count <= size_);
    data_ += count;
    size_ -= count;
  }
  void remove_suffix(std::size_t count) noexcept {
    POSTERN_CHECK(count <= size_);
    size_ -= count;
  }
  // Another slice of the same block: `count` bytes from `offset`.
  [[nodiscard]] Slice sub(std::size_t offset, std::size_t count) const noexcept {
    POSTERN_CHECK(offset <= size_ && count <= size_ - offset);
    Slice s(*this);
    s.data_ += offset;
    s.size_ = count;
    return s;
  }
  void reset() noexcept {
    if (block_ != nullptr) std::exchange(block_, nullptr)->drop();
    size_ = 0;
  }

 private:
  Block* block_ = nullptr;
  const char* data_ = "";
  std::size_t size_ = 0;
};

}  // namespace postern::inline buffer
