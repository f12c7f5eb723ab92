#include "engine/coro/task.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/frame_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"

namespace postern {
namespace {

Task<int> value(int given) { co_return given; }
Task<std::unique_ptr<std::string>> owned(std::string text) { co_return std::make_unique<std::string>(std::move(text)); }
Task<Result<int>> half(int given) {
  if (given % 2 != 0) co_return failure(Errc::invalid, "half");
  co_return given / 2;
}

struct Counted {
  explicit Counted(int& live) : live_(&live) { ++*live_; }
  Counted(Counted&& other) noexcept : live_(std::exchange(other.live_, nullptr)) {}
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (live_ != nullptr) --*live_;
  }
  int* live_;
};
// Not inlined: a compiler that sees where a coroutine ends may put its frame into that of the caller.
[[gnu::noinline]] Task<void> hold(Counted counted, bool& ran) {
  static_cast<void>(counted);
  ran = true;
  co_return;
}

// Runs to its end without suspending.
template <class T>
void run(Task<T> task, T& into) {
  struct Runner {
    static Task<void> go(Task<T> task, T& into) { into = co_await task; }
  };
  Gate gate;
  gate.start(Runner::go(std::move(task), into));
  EXPECT_EQ(gate.inside(), 0U);
}

TEST(Task, GivesItsValue) {
  int number = 0;
  run(value(42), number);
  EXPECT_EQ(number, 42);
  std::unique_ptr<std::string> text;
  run(owned("moved, not copied"), text);
  EXPECT_EQ(*text, "moved, not copied");
  Result<int> result = 0;
  run(half(8), result);
  EXPECT_EQ(*result, 4);
  run(half(7), result);
  EXPECT_FALSE(result);
}

TEST(Task, IsLazyAndFreesItsParametersWhenItNeverStarts) {
  int live = 0;
  bool ran = false;
  const std::uint64_t frames = frame_pool_stats().live;
  {
    const Task<void> task = hold(Counted(live), ran);
    EXPECT_TRUE(task.valid());
    EXPECT_EQ(live, 1);
    EXPECT_EQ(frame_pool_stats().live, frames + 1);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(live, 0);
  EXPECT_EQ(frame_pool_stats().live, frames);
}

TEST(Task, Moves) {
  int live = 0;
  bool ran = false;
  Task<void> first = hold(Counted(live), ran);
  Task<void> second = std::move(first);
  EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
  EXPECT_TRUE(second.valid());
  second = hold(Counted(live), ran);
  EXPECT_EQ(live, 1) << "what was assigned over is gone";
  Task<void>& same = second;
  second = std::move(same);
  EXPECT_TRUE(second.valid());
  second = Task<void>();
  EXPECT_EQ(live, 0);
  EXPECT_FALSE(ran);
}

TEST(Task, AFinishedFrameGoesWithItsTask) {
  struct Holder {
    static Task<void> go(int& live, bool& ran, int& live_meanwhile) {
      Task<void> task = hold(Counted(live), ran);
      co_await task;
      live_meanwhile = live;
    }
  };
  int live = 0;
  int live_meanwhile = -1;
  bool ran = false;
  Gate gate;
  gate.start(Holder::go(live, ran, live_meanwhile));
  EXPECT_TRUE(ran);
  EXPECT_EQ(live_meanwhile, 1) << "parameters live as long as the frame";
  EXPECT_EQ(live, 0);
}

// The stack's depth, to see that it does not grow.
std::uintptr_t stack_at() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

struct Depth {
  std::uintptr_t low = UINTPTR_MAX;
  std::uintptr_t high = 0;
  void look() {
    low = std::min(low, stack_at());
    high = std::max(high, stack_at());
  }
  [[nodiscard]] std::uintptr_t used() const { return high - low; }
};

constexpr int kMany = 1'000'000;

TEST(Task, AMillionAwaitsInARowDoNotGrowTheStack) {
  struct Row {
    static Task<int> one(Depth& depth) {
      depth.look();
      co_return 1;
    }
    static Task<int> all(Depth& depth) {
      int sum = 0;
      for (int i = 0; i < kMany; ++i) sum += co_await one(depth);
      co_return sum;
    }
  };
  Depth depth;
  int sum = 0;
  run(Row::all(depth), sum);
  EXPECT_EQ(sum, kMany);
  EXPECT_LT(depth.used(), 4096U);
}

TEST(Task, AMillionNestedAwaitsDoNotGrowTheStack) {
  struct Nest {
    static Task<int> down(int left, Depth& depth) {
      depth.look();
      if (left == 0) co_return 0;
      const int below = co_await down(left - 1, depth);
      depth.look();
      co_return below + 1;
    }
  };
  Depth depth;
  int sum = 0;
  const std::uint64_t frames = frame_pool_stats().live;
  run(Nest::down(kMany, depth), sum);
  EXPECT_EQ(sum, kMany);
  EXPECT_LT(depth.used(), 4096U) << "neither on the way down nor on the way back";
  EXPECT_EQ(frame_pool_stats().live, frames);
}

TEST(Task, ASuspendedChainEndsInOneGo) {
  struct Nest {
    static Task<int> down(int left, Event& event) {
      if (left > 0) co_return 1 + co_await down(left - 1, event);
      static_cast<void>(co_await event.wait());
      co_return 0;
    }
    static Task<void> go(Event& event, int& sum) { sum = co_await down(100'000, event); }
  };
  ManualScheduler scheduler;
  Gate gate;
  Event event;
  int sum = 0;
  gate.start(Nest::go(event, sum));
  event.set();
  scheduler.run();
  EXPECT_EQ(sum, 100'000);
}

TEST(FramePool, LargeFramesComeFromTheSystemAndGoBack) {
  struct Large {
    [[gnu::noinline]] static Task<int> run(Event& event) {
      std::array<char, 16'384> bytes{};
      asm volatile("" : : "r"(bytes.data()) : "memory");  // all of it counts, as far as the compiler knows
      bytes[16'000] = 7;
      static_cast<void>(co_await event.wait());
      asm volatile("" : : "r"(bytes.data()) : "memory");
      co_return bytes[16'000];
    }
    static Task<void> go(Event& event, int& into) { into = co_await run(event); }
  };
  ManualScheduler scheduler;
  const FramePoolStats before = frame_pool_stats();
  for (int i = 0; i < 3; ++i) {
    Event event;
    int result = 0;
    Gate gate;
    gate.start(Large::go(event, result));
    event.set();
    scheduler.run();
    EXPECT_EQ(result, 7);
  }
  EXPECT_EQ(frame_pool_stats().live, before.live);
  EXPECT_GE(frame_pool_stats().from_system, before.from_system + 3);
}

TEST(FramePool, SizesOfEveryKindHoldWhatIsWritten) {
  std::vector<std::pair<void*, std::size_t>> frames;
  for (std::size_t size = 1; size < 5000; size += 37) {
    void* frame = allocate_frame(size);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t), 0U);
    std::memset(frame, static_cast<int>(size % 251), size);
    frames.emplace_back(frame, size);
  }
  for (const auto& [frame, size] : frames) {
    const auto* bytes = static_cast<const unsigned char*>(frame);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], size % 251);
    free_frame(frame, size);
  }
}

TEST(FramePool, AWarmPoolAsksNobody) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "frames come from malloc under sanitizers";
#endif
#endif
  int sum = 0;
  for (int i = 0; i < 100; ++i) run(value(i), sum);
  const std::uint64_t warm = frame_pool_stats().from_system;
  for (int i = 0; i < 10'000; ++i) run(value(i), sum);
  EXPECT_EQ(frame_pool_stats().from_system, warm);
}

TEST(FramePool, EveryThreadHasItsOwn) {
  const std::uint64_t live = frame_pool_stats().live;
  std::uint64_t live_there = 1;
  std::jthread([&live_there] {
    int sum = 0;
    for (int i = 0; i < 100; ++i) run(value(i), sum);
    live_there = frame_pool_stats().live;
  }).join();
  EXPECT_EQ(live_there, 0U);
  EXPECT_EQ(frame_pool_stats().live, live);
}

TEST(TaskDeathTest, OurOwnMistakesAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct Misuse {
    static Task<void> empty() { co_await Task<void>(); }
    static Task<void> twice() {
      Task<int> task = value(1);
      static_cast<void>(co_await task);
      static_cast<void>(co_await task);
    }
  };
  EXPECT_DEATH({ Gate().start(Misuse::empty()); }, "check failed");
  EXPECT_DEATH({ Gate().start(Misuse::twice()); }, "check failed");
}

}  // namespace
}  // namespace postern
