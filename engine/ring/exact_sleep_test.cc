#include "engine/ring/exact_sleep.h"

#include <gtest/gtest.h>

#include <functional>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/shard/loop.h"

namespace postern::ring {
namespace {

class ExactSleepTest : public ::testing::Test {
 public:
  ExactSleepTest() : loop(clock), ring(std::move(*Ring::create({.sq_entries = 8, .cq_entries = 32, .direct_descriptors = 4}))) {
    loop.add(*ring);
    loop.set_sleeper(*ring);
  }
  ~ExactSleepTest() override { EXPECT_EQ(ring->operations_in_flight(), 1U) << "only the ring's own wake-up read"; }

  SystemClock clock;
  shard::Loop loop;
  std::unique_ptr<Ring> ring;
  StopSource stop;
};

Task<void> sleep_until_told(ExactSleepTest& test, Instant when, Result<void>& outcome) {
  outcome = co_await sleep_exactly(*test.ring, when, &test.stop);
}

TEST_F(ExactSleepTest, EndsAtItsTimeAndNotBefore) {
  const Instant when{clock.now().ns + 300'000};  // less than a tick of the timers
  Result<void> outcome = failure(Errc::io, "unset");
  loop.run(sleep_until_told(*this, when, outcome));
  EXPECT_TRUE(outcome);
  EXPECT_GE(loop.now(), when);
}

TEST_F(ExactSleepTest, ATimeThatHasPassedEndsAtOnce) {
  for (const Instant when : {Instant{clock.now().ns - 1'000'000'000}, Instant{0}, Instant{-5}}) {
    Result<void> outcome = failure(Errc::io, "unset");
    loop.run(sleep_until_told(*this, when, outcome));
    EXPECT_TRUE(outcome);
  }
}

TEST_F(ExactSleepTest, StopCutsItShort) {
  struct Play {
    static Task<void> run(ExactSleepTest& test, Result<void>& outcome) {
      Gate gate;
      gate.start(sleep_until_told(test, {test.clock.now().ns + 3'600'000'000'000}, outcome));
      static_cast<void>(co_await sleep_until(test.loop.now().plus_ms(2)));
      test.stop.request_stop();
      co_await gate.close();
    }
  };
  Result<void> outcome;
  loop.run(Play::run(*this, outcome));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::stopped);
}

}  // namespace
}  // namespace postern::ring
