// Memory that O_DIRECT accepts.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "appliance/spool/segment_format.h"

namespace postern::spool {

// Owns `size` bytes on a block boundary, not initialised. Aborts when the machine is out of memory.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size)
      : bytes_(static_cast<std::byte*>(::operator new(size, std::align_val_t{kBlockBytes}))), size_(size) {}

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> span() const noexcept { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept { ::operator delete(bytes, std::align_val_t{kBlockBytes}); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace postern::spool
