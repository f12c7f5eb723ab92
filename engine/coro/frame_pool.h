// Memory for coroutine frames: free lists by size, one set per thread. A frame is freed on the thread that made it, because a
// coroutine never leaves its shard.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::inline coro {

// At least `size` bytes, aligned for any frame. Aborts when the machine is out of memory.
[[nodiscard]] void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

// This thread's figures, for tests and metrics.
struct FramePoolStats {
  std::uint64_t live = 0;         // frames in use
  std::uint64_t from_system = 0;  // calls that had to ask the system allocator
};
[[nodiscard]] FramePoolStats frame_pool_stats() noexcept;

}  // namespace postern::inline coro
