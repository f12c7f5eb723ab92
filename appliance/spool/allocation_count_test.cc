// Replaces the allocation functions of this test program by counting ones.
#include <cstdlib>
#include <new>

#include "appliance/spool/spool_testing.h"

namespace {
std::uint64_t allocations = 0;
}  // namespace

#if !__has_feature(thread_sanitizer)  // which keeps these functions to itself: nothing is counted there
namespace {
void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  std::abort();
}
}  // namespace

void* operator new(std::size_t size) { return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, static_cast<std::size_t>(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace postern::spool::testing {

AllocationCount::AllocationCount() noexcept : start_(allocations) {}
std::uint64_t AllocationCount::so_far() const noexcept { return allocations - start_; }

}  // namespace postern::spool::testing
