// Many small strings that live and die together (a transaction's envelope), in a few blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace postern::inline base {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A copy of `text` that lives until clear(). Allocates a block when none has room.
  [[nodiscard]] std::string_view copy(std::string_view text);
  // Uninitialised room of `size` bytes, with the lifetime of copy().
  [[nodiscard]] char* allocate(std::size_t size);
  // Ends the life of everything handed out. Keeps one small block, so that the next transaction allocates nothing.
  void clear() noexcept;
  // Bytes of memory held.
  [[nodiscard]] std::size_t capacity() const noexcept;

 private:
  static constexpr std::size_t kBlockBytes = 1024;
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace postern::inline base
