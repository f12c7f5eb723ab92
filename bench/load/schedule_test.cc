#include "bench/load/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace postern::load {
namespace {

constexpr Instant kStart{5'000'000'000};
Instant after_ms(std::int64_t ms) { return kStart.plus_ms(ms); }

std::vector<std::int64_t> all_due_ns(Schedule& schedule, Instant now) {
  std::vector<std::int64_t> due;
  while (const auto next = schedule.take(now)) {
    EXPECT_EQ(next->number, due.size());
    due.push_back(next->since.ns - kStart.ns);
  }
  return due;
}

TEST(Schedule, TheClosedLoopIsAlwaysDueUntilTheCount) {
  Schedule schedule(Arrivals::at_once, 0, 3, 1);
  EXPECT_TRUE(schedule.is_over());
  schedule.begin(kStart, Instant::never());
  EXPECT_EQ(schedule.take(after_ms(10))->since, after_ms(10));
  EXPECT_FALSE(schedule.is_over());
  EXPECT_TRUE(schedule.take(after_ms(10)));
  EXPECT_EQ(schedule.take(after_ms(11))->number, 2U);
  EXPECT_TRUE(schedule.is_over());
  EXPECT_FALSE(schedule.take(after_ms(12)));
  EXPECT_EQ(schedule.taken(), 3U);
}

TEST(Schedule, TheClosedLoopEndsInTime) {
  Schedule schedule(Arrivals::at_once, 0, 0, 1);
  schedule.begin(kStart, after_ms(100));
  EXPECT_TRUE(schedule.take(after_ms(99)));
  EXPECT_FALSE(schedule.take(after_ms(100)));
  EXPECT_EQ(schedule.stop_and_count_overdue(after_ms(100)), 0U);
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, EvenArrivalsKeepTheirTimesHoweverLateTheyAreTaken) {
  Schedule schedule(Arrivals::even, 1000, 0, 1);
  schedule.begin(kStart, after_ms(10));
  EXPECT_EQ(schedule.next_due(), kStart);
  EXPECT_EQ(schedule.take(kStart)->since, kStart);
  EXPECT_FALSE(schedule.take(kStart));
  EXPECT_EQ(schedule.next_due(), after_ms(1));
  EXPECT_EQ(schedule.take(after_ms(5))->since, after_ms(1));
  EXPECT_EQ(schedule.take(after_ms(5))->since, after_ms(2));
  EXPECT_EQ(schedule.stop_and_count_overdue(after_ms(5)), 3U);
  EXPECT_EQ(schedule.taken(), 3U);
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, ExactlyRateTimesTimeMessages) {
  for (const double rate : {1.0, 7.0, 333.0, 1e6}) {
    Schedule schedule(Arrivals::even, rate, 0, 1);
    schedule.begin(kStart, after_ms(3000));
    const auto due = all_due_ns(schedule, Instant{after_ms(3000).ns - 1});
    EXPECT_EQ(due.size(), static_cast<std::size_t>(3 * rate)) << rate;
    EXPECT_LT(due.back(), 3'000'000'000);
    EXPECT_TRUE(schedule.is_over());
  }
}

TEST(Schedule, NothingIsHandedOutAfterTheEnd) {
  Schedule schedule(Arrivals::even, 1000, 0, 1);
  schedule.begin(kStart, after_ms(10));
  EXPECT_TRUE(schedule.has_due(after_ms(9)));
  EXPECT_FALSE(schedule.has_due(after_ms(10)));
  EXPECT_FALSE(schedule.take(after_ms(10)));
  EXPECT_EQ(schedule.stop_and_count_overdue(after_ms(12)), 10U);
  EXPECT_EQ(schedule.taken(), 0U);
}

TEST(Schedule, TheCountEndsTheOpenLoopToo) {
  Schedule schedule(Arrivals::even, 10, 4, 1);
  schedule.begin(kStart, Instant::never());
  EXPECT_EQ(all_due_ns(schedule, after_ms(100'000)), (std::vector<std::int64_t>{0, 100'000'000, 200'000'000, 300'000'000}));
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, PoissonArrivalsHaveTheirMeanAndTheirSpread) {
  Schedule schedule(Arrivals::poisson, 1000, 20'000, 3);
  schedule.begin(kStart, Instant::never());
  const auto due = all_due_ns(schedule, after_ms(1'000'000'000));
  ASSERT_EQ(due.size(), 20'000U);
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 1; i < due.size(); ++i) {
    const double gap = static_cast<double>(due[i] - due[i - 1]) / 1e6;
    EXPECT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / 19'999;
  EXPECT_NEAR(mean, 1.0, 0.03);  // milliseconds
  EXPECT_NEAR(std::sqrt(squares / 19'999 - mean * mean), 1.0, 0.05) << "exponential: deviation and mean are equal";
}

}  // namespace
}  // namespace postern::load
