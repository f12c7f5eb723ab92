#include "engine/shard/loop.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/shard/loop_testing.h"
#include "engine/shard/mailbox.h"

namespace postern::shard {
namespace {

Task<void> nothing() { co_return; }

TEST(Loop, RunsMainToItsEnd) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  loop.run(nothing());
  struct Main {
    static Task<void> go(int& steps) {
      for (; steps < 5; ++steps) co_await Yield{};
    }
  };
  int steps = 0;
  loop.run(Main::go(steps));
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(sleeper.sleeps, 0) << "there was always something to do";
}

TEST(Loop, SleepsUntilTheTimerAndNotMuchLonger) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  struct Main {
    static Task<void> go(const Clock& clock, std::int64_t& took_ns) {
      const Instant start = clock.now();
      EXPECT_TRUE(co_await sleep_until(Scheduler::current().now().plus_ms(30)));
      took_ns = clock.now().ns - start.ns;
    }
  };
  std::int64_t took_ns = 0;
  loop.run(Main::go(clock, took_ns));
  EXPECT_GE(took_ns, 20'000'000) << "now() is the beginning of the turn";
  EXPECT_LT(took_ns, 2'000'000'000);
  EXPECT_GE(sleeper.sleeps, 1);
}

// A clock that a test moves while the loop runs.
class StepClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return {}; }
  void step_ms(std::int64_t ms) { now_ = now_.plus_ms(ms); }

 private:
  Instant now_{1'000'000'000};
};
// Sleeps by moving the clock.
class StepSleeper final : public Sleeper {
 public:
  explicit StepSleeper(StepClock& clock) noexcept : clock_(clock) {}
  void submit() override { ++submits; }
  void submit_and_sleep(Instant until, Instant now) override {
    ASSERT_FALSE(until.is_never());
    slept_ns.push_back(until.ns - now.ns);
    clock_.step_ms(std::max<std::int64_t>(0, (until.ns - now.ns) / 1'000'000 + 1));
  }
  int submits = 0;
  std::vector<std::int64_t> slept_ns;

 private:
  StepClock& clock_;
};

TEST(Loop, ATurnThatTookLongIsNotSleptAgain) {
  StepClock clock;
  StepSleeper sleeper(clock);
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  struct Main {
    static Task<void> go(StepClock& clock) {
      const Instant deadline = Scheduler::current().now().plus_ms(100);
      clock.step_ms(90);  // a turn with much work
      static_cast<void>(co_await sleep_until(deadline));
    }
  };
  const Instant start = clock.now();
  loop.run(Main::go(clock));
  EXPECT_LE(clock.now().ns - start.ns, 105'000'000) << "90 ms of work and 10 ms of sleep";
}

TEST(Loop, TheFirstTurnSeesTheTimeItBegins) {
  StepClock clock;
  StepSleeper sleeper(clock);
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  clock.step_ms(60'000);  // configuration was loaded meanwhile
  struct Main {
    static Task<void> go(Instant& seen) {
      seen = Scheduler::current().now();
      co_return;
    }
  };
  Instant seen;
  loop.run(Main::go(seen));
  EXPECT_EQ(seen, clock.now());
}

TEST(Loop, WhatWasPreparedLastIsStillSubmitted) {
  StepClock clock;
  StepSleeper sleeper(clock);
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  loop.run(nothing());
  EXPECT_GE(sleeper.submits, 1) << "a letter to another shard may have left a wake-up in the queue";
}

TEST(Loop, ChainsOfWakeUpsEndInOneTurn) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  loop.set_sleeper(sleeper);
  struct Main {
    static Task<void> link(Event& in, Event& out) {
      EXPECT_TRUE(co_await in.wait());
      out.set();
    }
    static Task<void> go(Loop& loop) {
      std::array<Event, 50> events;
      Gate gate;
      for (std::size_t i = 0; i + 1 < events.size(); ++i) gate.start(link(events[i], events[i + 1]));
      const std::uint64_t turns = loop.stats().turns.get();
      events[0].set();
      EXPECT_TRUE(co_await events.back().wait());
      EXPECT_EQ(loop.stats().turns.get(), turns);
      co_await gate.close();
    }
  };
  loop.run(Main::go(loop));
}

// Counts polls and has nothing to say.
class CountingPoller final : public Poller {
 public:
  bool poll() override {
    ++polls;
    return false;
  }
  [[nodiscard]] bool allows_sleep() const override { return allow; }
  int polls = 0;
  bool allow = true;
};

TEST(Loop, GivingWayLetsPollersLook) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  CountingPoller poller;
  loop.set_sleeper(sleeper);
  loop.add(poller);
  struct Main {
    static Task<void> go(CountingPoller& poller) {
      for (int i = 1; i <= 10; ++i) {
        co_await Yield{};
        EXPECT_EQ(poller.polls, i);
      }
    }
  };
  loop.run(Main::go(poller));
}

// Starts a coroutine while it is being polled, as a completed accept does.
class StartingPoller final : public Poller {
 public:
  explicit StartingPoller(Gate& gate) : gate_(gate) {}
  bool poll() override {
    ++polls;
    if (polls == 1) gate_.start(give_way(*this));
    return polls == 1;
  }
  [[nodiscard]] bool allows_sleep() const override { return true; }
  int polls = 0;
  Event seen;

 private:
  static Task<void> give_way(StartingPoller& poller) {
    co_await Yield{};
    EXPECT_EQ(poller.polls, 2) << "who gave way while completions were handed out comes after the next look at the kernel";
    poller.seen.set();
  }
  Gate& gate_;
};

TEST(Loop, GivingWayWhilePolledWaitsForTheNextPoll) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  Gate gate;
  StartingPoller poller(gate);
  loop.set_sleeper(sleeper);
  loop.add(poller);
  struct Main {
    static Task<void> go(StartingPoller& poller, Gate& gate) {
      co_await Yield{};
      EXPECT_TRUE(co_await poller.seen.wait());
      co_await gate.close();
    }
  };
  loop.run(Main::go(poller, gate));
}

TEST(Loop, APollerThatRefusesKeepsTheLoopAwake) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  CountingPoller poller;
  poller.allow = false;
  loop.set_sleeper(sleeper);
  loop.add(poller);
  struct Main {
    static Task<void> go() { static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(20))); }
  };
  loop.run(Main::go());
  EXPECT_EQ(sleeper.sleeps, 0);
  EXPECT_GT(poller.polls, 10);
}

TEST(Loop, TurnEndsComeAfterAllThatIsReady) {
  struct Gatherer final : TurnEnd {
    void end_of_turn() override {
      log += '|';
      if (event != nullptr && ++turns == 3) event->set();  // work raised at the end of a turn is not slept over
    }
    std::string log;
    Event* event = nullptr;
    int turns = 0;
  };
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  Gatherer gatherer;
  loop.set_sleeper(sleeper);
  loop.add(gatherer);
  struct Main {
    static Task<void> go(Gatherer& gatherer) {
      gatherer.log += 'a';
      co_await Yield{};
      gatherer.log += 'b';
      Event event;
      gatherer.event = &event;
      gatherer.turns = 2;
      EXPECT_TRUE(co_await event.wait());
      gatherer.log += 'c';
      gatherer.event = nullptr;
    }
  };
  loop.run(Main::go(gatherer));
  EXPECT_EQ(gatherer.log, "a|b|c|");
  EXPECT_EQ(sleeper.sleeps, 0);
  loop.remove(gatherer);
  loop.run(nothing());
  EXPECT_EQ(gatherer.log, "a|b|c|");
}

TEST(Loop, LettersFromOtherThreadsEndItsSleep) {
  SystemClock clock;
  TestSleeper sleeper;
  Loop loop(clock);
  Mailbox mailbox(16, sleeper);
  loop.set_sleeper(sleeper);
  loop.add(mailbox);
  struct Main {
    static Task<void> go(Event& event, bool& woken) {
      woken = (co_await event.wait({Scheduler::current().now().plus_ms(20'000), nullptr})).has_value();
    }
  };
  for (int round = 0; round < 50; ++round) {
    Event event;
    bool woken = false;
    std::jthread sender([&] {
      const Letter letter{[](void* e) { static_cast<Event*>(e)->set(); }, &event};
      EXPECT_TRUE(mailbox.post(letter));
    });
    loop.run(Main::go(event, woken));
    EXPECT_TRUE(woken);
  }
}

}  // namespace
}  // namespace postern::shard
