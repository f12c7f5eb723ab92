// Replaces the allocation functions of a test program by counting ones: include it in one file of the program only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

namespace postern::testing {
inline std::uint64_t allocations = 0;

// Counts calls of operator new in the whole program since it was made. One thread.
class AllocationCount {
 public:
  AllocationCount() noexcept : start_(allocations) {}
  [[nodiscard]] std::uint64_t so_far() const noexcept { return allocations - start_; }

 private:
  std::uint64_t start_;
};
}  // namespace postern::testing

#if !__has_feature(thread_sanitizer)  // which keeps these functions to itself: nothing is counted there
namespace {
void* counted_allocation(std::size_t size, std::size_t alignment) {
  ++postern::testing::allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  std::abort();
}
}  // namespace

void* operator new(std::size_t size) { return counted_allocation(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted_allocation(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif
