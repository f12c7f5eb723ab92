// Work per message, counted: what stops being true here costs every message.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "engine/coro/frame_pool.h"
#include "engine/smtp/session_load_testing.h"

namespace {

std::size_t allocations = 0;

}  // namespace

#if !__has_feature(thread_sanitizer)  // which keeps these functions to itself: nothing is counted there
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace postern::smtp {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kFramesArePooled = false;
#else
constexpr bool kFramesArePooled = true;
#endif
#endif

TEST(SessionWork, AllocatesNothingPerMessage) {
  SessionLoad load(2048);
  for (int i = 0; i < 100; ++i) load.send_message();
  const std::size_t allocations_before = allocations;
  const std::uint64_t frames_before = frame_pool_stats().from_system;
  for (int i = 0; i < 1000; ++i) load.send_message();
  EXPECT_EQ(load.hooks().committed(), 1100U);
  EXPECT_EQ(allocations - allocations_before, 0U);
  if (kFramesArePooled) EXPECT_EQ(frame_pool_stats().from_system, frames_before);
}

TEST(SessionWork, WritesOnceForAMessageAndTheNextEnvelope) {
  SessionLoad load(2048);
  const std::size_t before = load.peer().writes();
  for (int i = 0; i < 100; ++i) load.send_message();
  EXPECT_EQ(load.peer().writes() - before, 100U);
}

TEST(SessionWork, CopiesNoBodyBytes) {
  SessionLoad load(50 * 1024);
  for (int i = 0; i < 10; ++i) load.send_message();
  EXPECT_EQ(load.hooks().committed(), 10U);
  EXPECT_EQ(load.hooks().copied_bytes(), 0U);
}

}  // namespace
}  // namespace postern::smtp
