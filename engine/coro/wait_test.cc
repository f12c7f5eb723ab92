// Events, semaphores and sleeps, and the races between what is waited for and what cuts the wait short within one turn.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/coro/semaphore.h"

namespace postern {
namespace {

class WaitTest : public ::testing::Test {
 public:
  Wait within_ms(std::int64_t ms, StopSource* stop = nullptr) { return {scheduler_.now().plus_ms(ms), stop}; }

  static Task<void> wait_for(Event& event, Wait wait, std::optional<Result<void>>& outcome) {
    outcome = co_await event.wait(wait);
  }
  static Task<void> acquire(Semaphore& semaphore, Wait wait, std::optional<Result<void>>& outcome) {
    outcome = co_await semaphore.acquire(wait);
  }
  void close(Gate& gate) {
    struct Closer {
      static Task<void> run(Gate& gate) { co_await gate.close(); }
    };
    Gate outer;
    outer.start(Closer::run(gate));
    scheduler_.run();
    EXPECT_EQ(outer.inside(), 0U);
  }
  // Lets the deadline pass without running what it wakes, as when other timers and coroutines come first.
  void fire_timers(std::int64_t ms) {
    scheduler_.clock().advance_ms(ms);
    timers_fired_ = scheduler_.fire_timers();
  }

  ManualScheduler scheduler_;
  std::size_t timers_fired_ = 0;
  Gate gate_;
  std::optional<Result<void>> outcome_;
};

TEST_F(WaitTest, AnEventThatIsSetDoesNotSuspend) {
  Event event;
  event.set();
  gate_.start(wait_for(event, {}, outcome_));
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_);
}

TEST_F(WaitTest, AnEventWakesItsWaiterLater) {
  Event event;
  gate_.start(wait_for(event, within_ms(100), outcome_));
  event.set();
  EXPECT_FALSE(outcome_) << "never from within set()";
  scheduler_.run();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_);
  scheduler_.advance_ms(200);
}

TEST_F(WaitTest, AnEventSetAndClearedBeforeTheWaiterRunsHasHappened) {
  Event event;
  gate_.start(wait_for(event, within_ms(100), outcome_));
  event.set();
  event.clear();
  scheduler_.run();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_) << "nothing cut the wait short, so it did not fail";
}

TEST_F(WaitTest, EventWaitsAreCutShort) {
  Event event;
  gate_.start(wait_for(event, within_ms(100), outcome_));
  scheduler_.advance_ms(99);
  scheduler_.advance_ms(10);
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_EQ(outcome_->error().code, Errc::timed_out);
  event.set();  // nobody waits any more

  outcome_.reset();
  event.clear();
  StopSource stop;
  gate_.start(wait_for(event, within_ms(100, &stop), outcome_));
  stop.request_stop();
  scheduler_.run();
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_EQ(outcome_->error().code, Errc::stopped);

  outcome_.reset();
  gate_.start(wait_for(event, within_ms(100, &stop), outcome_));
  scheduler_.run();
  ASSERT_TRUE(outcome_ && !*outcome_) << "stopped before it began";
  EXPECT_EQ(outcome_->error().code, Errc::stopped);

  outcome_.reset();
  gate_.start(wait_for(event, {Instant{1}, nullptr}, outcome_));
  scheduler_.advance_ms(2);
  ASSERT_TRUE(outcome_ && !*outcome_) << "a deadline long past";
  EXPECT_EQ(outcome_->error().code, Errc::timed_out);
}

TEST_F(WaitTest, SetThenDeadlineThenStopInOneTurn) {
  Event event;
  StopSource stop;
  gate_.start(wait_for(event, within_ms(5, &stop), outcome_));
  event.set();
  fire_timers(50);
  stop.request_stop();
  scheduler_.run();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_) << "what came first counts";
}

TEST_F(WaitTest, DeadlineThenStopThenSetInOneTurn) {
  Event event;
  StopSource stop;
  gate_.start(wait_for(event, within_ms(5, &stop), outcome_));
  fire_timers(50);
  EXPECT_EQ(timers_fired_, 1U);
  stop.request_stop();
  event.set();
  scheduler_.run();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(*outcome_) << "it is set by the time the waiter looks";
}

TEST_F(WaitTest, DeadlineThenAnotherWaiterInOneTurn) {
  Event event;
  gate_.start(wait_for(event, within_ms(5), outcome_));
  fire_timers(50);
  std::optional<Result<void>> second;
  gate_.start(wait_for(event, within_ms(100), second));  // the place is free although the first has not run yet
  scheduler_.run();
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_FALSE(second);
  event.set();
  scheduler_.run();
  ASSERT_TRUE(second && *second);
}

TEST_F(WaitTest, SleepsToTheEndOrUntilStopped) {
  struct Sleeper {
    static Task<void> run(Instant until, StopSource* stop, std::optional<bool>& slept) {
      slept = co_await sleep_until(until, stop);
    }
  };
  std::optional<bool> slept;
  gate_.start(Sleeper::run(scheduler_.now().plus_ms(10), nullptr, slept));
  scheduler_.advance_ms(5);
  EXPECT_FALSE(slept);
  scheduler_.advance_ms(10);
  EXPECT_EQ(slept, true);

  slept.reset();
  StopSource stop;
  gate_.start(Sleeper::run(scheduler_.now().plus_ms(10), &stop, slept));
  stop.request_stop();
  fire_timers(50);
  scheduler_.run();
  EXPECT_EQ(slept, false);

  slept.reset();
  gate_.start(Sleeper::run(scheduler_.now().plus_ms(10), &stop, slept));
  scheduler_.run();
  EXPECT_EQ(slept, false);
}

TEST_F(WaitTest, YieldLetsOthersGoFirst) {
  std::string order;
  struct Walker {
    static Task<void> run(std::string& order, char name) {
      order += name;
      co_await Yield{};
      order += name;
    }
  };
  gate_.start(Walker::run(order, 'a'));
  gate_.start(Walker::run(order, 'b'));
  scheduler_.run();
  EXPECT_EQ(order, "abab");
}

TEST_F(WaitTest, SemaphoreServesInOrder) {
  Semaphore semaphore(1);
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  std::array<std::optional<Result<void>>, 3> outcomes;
  for (auto& outcome : outcomes) gate_.start(acquire(semaphore, {}, outcome));
  EXPECT_EQ(semaphore.waiting(), 3U);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    semaphore.release();
    EXPECT_FALSE(semaphore.try_acquire()) << "the unit is given already";
    scheduler_.run();
    for (std::size_t j = 0; j < outcomes.size(); ++j) EXPECT_EQ(outcomes[j].has_value(), j <= i);
  }
  semaphore.release();
  EXPECT_EQ(semaphore.free(), 1U);
}

TEST_F(WaitTest, AUnitGivenInTheTurnOfTheDeadlineIsNotLost) {
  Semaphore semaphore(1);
  EXPECT_TRUE(semaphore.try_acquire());
  gate_.start(acquire(semaphore, within_ms(5), outcome_));
  semaphore.release();
  fire_timers(50);
  scheduler_.run();
  ASSERT_TRUE(outcome_ && *outcome_) << "it has the unit";
  EXPECT_EQ(semaphore.free(), 0U);
  semaphore.release();
  EXPECT_EQ(semaphore.free(), 1U);
}

TEST_F(WaitTest, AUnitReleasedInTheTurnOfTheDeadlineGoesToTheNext) {
  Semaphore semaphore(1);
  EXPECT_TRUE(semaphore.try_acquire());
  std::optional<Result<void>> next;
  gate_.start(acquire(semaphore, within_ms(5), outcome_));
  gate_.start(acquire(semaphore, within_ms(500), next));
  fire_timers(50);
  semaphore.release();
  scheduler_.run();
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_EQ(outcome_->error().code, Errc::timed_out);
  ASSERT_TRUE(next && *next);
  semaphore.release();
  EXPECT_EQ(semaphore.free(), 1U);
}

TEST_F(WaitTest, SemaphoreOfNothingAndManyUnits) {
  Semaphore none(0);
  gate_.start(acquire(none, within_ms(1), outcome_));
  scheduler_.advance_ms(10);
  ASSERT_TRUE(outcome_ && !*outcome_);
  Semaphore many(3);
  std::array<std::optional<Result<void>>, 3> outcomes;
  for (auto& outcome : outcomes) {
    gate_.start(acquire(many, {}, outcome));
    EXPECT_TRUE(outcome && *outcome);
  }
  EXPECT_EQ(many.free(), 0U);
}

// Random users with random deadlines: units are neither lost nor made, and never more are out than there are.
TEST_F(WaitTest, SemaphoreUnitsAddUp) {
  struct User {
    static Task<void> run(WaitTest& test, Semaphore& semaphore, SeededRandom& random, StopSource& stop, std::size_t& out) {
      for (int i = 0; i < 50; ++i) {
        const Wait wait = test.within_ms(static_cast<std::int64_t>(random.below(6)), random.below(2) == 0 ? &stop : nullptr);
        if (!(co_await semaphore.acquire(wait))) {
          co_await Yield{};
          continue;
        }
        ++out;
        EXPECT_LE(out, 3U);
        if (random.below(2) == 0)
          static_cast<void>(co_await sleep_until(test.scheduler_.now().plus_ms(static_cast<std::int64_t>(random.below(4)))));
        else
          co_await Yield{};
        --out;
        semaphore.release();
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    Semaphore semaphore(3);
    StopSource stop;
    std::size_t out = 0;
    Gate gate;
    for (int i = 0; i < 20; ++i) gate.start(User::run(*this, semaphore, random, stop, out));
    for (int i = 0; i < 2000 && gate.inside() > 0; ++i) {
      scheduler_.advance_ms(1);
      if (i == 30) stop.request_stop();
    }
    ASSERT_EQ(gate.inside(), 0U);
    ASSERT_EQ(out, 0U);
    ASSERT_EQ(semaphore.free(), 3U);
    ASSERT_EQ(semaphore.waiting(), 0U);
  }
}

}  // namespace
}  // namespace postern
