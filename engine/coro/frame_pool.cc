#include "engine/coro/frame_pool.h"

#include <array>
#include <cstdlib>
#include <vector>

#include "engine/base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POSTERN_FRAMES_FROM_MALLOC 1  // so that the sanitizer sees every frame's life
#endif
#endif

namespace postern::inline coro {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kLargest = 4096;
constexpr std::size_t kSlabBytes = 64 * 1024;

struct FreeFrame {
  FreeFrame* next;
};

class Pool {
 public:
  ~Pool() {
    for (void* slab : slabs_) std::free(slab);
  }

  void* allocate(std::size_t size) {
    ++stats.live;
#ifdef POSTERN_FRAMES_FROM_MALLOC
    return system_allocate(size);
#else
    if (size > kLargest) return system_allocate(size);
    const std::size_t index = (size + kStep - 1) / kStep;
    if (free_[index] == nullptr) refill(index);
    FreeFrame* frame = free_[index];
    free_[index] = frame->next;
    return frame;
#endif
  }

  void release(void* memory, std::size_t size) noexcept {
    --stats.live;
#ifdef POSTERN_FRAMES_FROM_MALLOC
    static_cast<void>(size);
    std::free(memory);
#else
    if (size > kLargest) return std::free(memory);
    const std::size_t index = (size + kStep - 1) / kStep;
    auto* frame = static_cast<FreeFrame*>(memory);
    frame->next = free_[index];
    free_[index] = frame;
#endif
  }

  FramePoolStats stats;

 private:
  void* system_allocate(std::size_t size) {
    ++stats.from_system;
    void* memory = std::malloc(size);
    POSTERN_CHECK(memory != nullptr);
    return memory;
  }

  void refill(std::size_t index) {
    auto* slab = static_cast<std::byte*>(system_allocate(kSlabBytes));
    slabs_.push_back(slab);
    const std::size_t size = index * kStep;
    for (std::size_t at = 0; at + size <= kSlabBytes; at += size) {
      auto* frame = reinterpret_cast<FreeFrame*>(slab + at);
      frame->next = free_[index];
      free_[index] = frame;
    }
  }

  std::array<FreeFrame*, kLargest / kStep + 1> free_{};
  std::vector<void*> slabs_;
};

Pool& pool() {
  thread_local Pool instance;
  return instance;
}

}  // namespace

void* allocate_frame(std::size_t size) { return pool().allocate(size); }
void free_frame(void* frame, std::size_t size) noexcept { pool().release(frame, size); }
FramePoolStats frame_pool_stats() noexcept { return pool().stats; }

}  // namespace postern::inline coro
