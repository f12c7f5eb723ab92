#include "engine/coro/gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/coro/event.h"
#include "engine/coro/frame_pool.h"
#include "engine/coro/manual_scheduler.h"

namespace postern {
namespace {

Task<void> at_once(int& ran) {
  ++ran;
  co_return;
}
Task<void> after(Event& event, int& ran) {
  static_cast<void>(co_await event.wait());
  ++ran;
}
Task<void> close(Gate& gate, bool& closed) {
  co_await gate.close();
  closed = true;
}

TEST(Gate, RunsToTheFirstSuspensionAndCounts) {
  ManualScheduler scheduler;
  Gate gate;
  Event event;
  int ran = 0;
  gate.start(at_once(ran));
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(gate.inside(), 0U);
  gate.start(after(event, ran));
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(gate.inside(), 1U);
  event.set();
  scheduler.run();
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(gate.inside(), 0U);
  EXPECT_FALSE(gate.closed());
}

TEST(Gate, ClosingAnEmptyGateDoesNotSuspend) {
  ManualScheduler scheduler;
  Gate gate;
  Gate outer;
  bool closed = false;
  outer.start(close(gate, closed));
  EXPECT_TRUE(closed);
  EXPECT_TRUE(gate.closed());
}

TEST(Gate, ClosingWaitsForTheLast) {
  ManualScheduler scheduler;
  Gate outer;
  auto gate = std::make_unique<Gate>();
  Event first;
  Event second;
  int ran = 0;
  gate->start(after(first, ran));
  gate->start(after(second, ran));
  bool closed = false;
  outer.start(close(*gate, closed));
  second.set();
  scheduler.run();
  EXPECT_FALSE(closed);
  first.set();
  scheduler.run();
  EXPECT_TRUE(closed);
  EXPECT_EQ(ran, 2);
  gate.reset();
}

// What a coroutine inside holds goes before the closer runs, because the closer frees what it refers to.
struct Guard {
  std::string& log;
  ~Guard() { log += "frame gone;"; }
};
Task<void> holding(Event& event, std::string& log) {
  const Guard guard{log};
  static_cast<void>(co_await event.wait());
  log += "ran;";
}
Task<void> close_and_tell(Gate& gate, std::string& log) {
  co_await gate.close();
  log += "closed;";
}

TEST(Gate, FramesGoBeforeTheCloserHearsOfIt) {
  ManualScheduler scheduler;
  Gate outer;
  Gate gate;
  Event event;
  std::string log;
  gate.start(holding(event, log));
  outer.start(close_and_tell(gate, log));
  event.set();
  scheduler.run();
  EXPECT_EQ(log, "ran;frame gone;closed;");
}

// Parameters are part of the frame, too.
Task<void> owning(std::unique_ptr<Guard> guard, Event& event) {
  static_cast<void>(guard);
  static_cast<void>(co_await event.wait());
}

TEST(Gate, ParametersGoBeforeTheCloserHearsOfIt) {
  ManualScheduler scheduler;
  Gate outer;
  Gate gate;
  Event event;
  std::string log;
  gate.start(owning(std::unique_ptr<Guard>(new Guard{log}), event));
  outer.start(close_and_tell(gate, log));
  event.set();
  scheduler.run();
  EXPECT_EQ(log, "frame gone;closed;");
}

TEST(Gate, CoroutinesInsideMayStartOthers) {
  ManualScheduler scheduler;
  struct Spawner {
    static Task<void> run(Gate& gate, int depth, int& ran) {
      co_await Yield{};
      ++ran;
      if (depth > 0) gate.start(run(gate, depth - 1, ran));
      if (depth > 0) gate.start(run(gate, depth - 1, ran));
    }
  };
  Gate gate;
  int ran = 0;
  gate.start(Spawner::run(gate, 6, ran));
  scheduler.run();
  EXPECT_EQ(ran, 127);
  EXPECT_EQ(gate.inside(), 0U);
}

TEST(Gate, WaitEmptyLeavesItOpen) {
  ManualScheduler scheduler;
  struct Emptier {
    static Task<void> run(Gate& gate, bool& empty) {
      co_await gate.wait_empty();
      empty = true;
    }
  };
  Gate gate;
  Gate outer;
  Event event;
  int ran = 0;
  bool empty = false;
  gate.start(after(event, ran));
  outer.start(Emptier::run(gate, empty));
  EXPECT_FALSE(empty);
  event.set();
  scheduler.run();
  EXPECT_TRUE(empty);
  gate.start(at_once(ran));
  EXPECT_EQ(ran, 2);
}

TEST(Gate, EveryFrameIsGivenBack) {
  const std::uint64_t before = frame_pool_stats().live;
  {
    ManualScheduler scheduler;
    Gate gate;
    Event event;
    int ran = 0;
    for (int i = 0; i < 100; ++i) gate.start(at_once(ran));
    gate.start(after(event, ran));
    EXPECT_GT(frame_pool_stats().live, before);
    event.set();
    scheduler.run();
  }
  EXPECT_EQ(frame_pool_stats().live, before);
}

TEST(GateDeathTest, OurOwnMistakesAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ManualScheduler scheduler;
        Gate gate;
        Gate outer;
        bool closed = false;
        int ran = 0;
        outer.start(close(gate, closed));
        gate.start(at_once(ran));
      },
      "check failed: !closed_");
  EXPECT_DEATH(
      {
        ManualScheduler scheduler;
        Event event;
        int ran = 0;
        Gate gate;
        gate.start(after(event, ran));
      },
      "check failed");
}

}  // namespace
}  // namespace postern
