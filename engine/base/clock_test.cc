#include "engine/base/clock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <optional>
#include <string>

namespace postern {
namespace {

TEST(Instant, PlusSaturatesAtNever) {
  EXPECT_EQ(Instant{5}.plus_ms(2).ns, 2'000'005);
  EXPECT_EQ(Instant{5'000'000}.plus_ms(-2).ns, 3'000'000);
  EXPECT_TRUE(Instant::never().plus_ms(0).is_never());
  EXPECT_TRUE(Instant::never().plus_ms(-1).is_never());
  EXPECT_TRUE(Instant{1}.plus_ms(std::numeric_limits<std::int64_t>::max()).is_never());
  EXPECT_FALSE(Instant{0}.plus_ms(Instant::never().ns / 1'000'000).is_never());
  EXPECT_TRUE(Instant{1'000'000}.plus_ms(Instant::never().ns / 1'000'000).is_never());
}

TEST(Instant, PlusSaturatesAtTheOtherEndToo) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(Instant{0}.plus_ms(kLeast).ns, kLeast);
  EXPECT_EQ(Instant{kLeast}.plus_ms(-1).ns, kLeast);
  EXPECT_EQ(Instant{kLeast}.plus_ms(1).ns, kLeast + 1'000'000);
  EXPECT_EQ(Instant{-1}.plus_ms(std::numeric_limits<std::int64_t>::max()), Instant::never());
}

TEST(Instant, NeverIsAfterAll) { EXPECT_LT(Instant{std::numeric_limits<std::int64_t>::max() - 1}, Instant::never()); }

TEST(SystemClock, MovesForward) {
  const SystemClock clock;
  const Instant before = clock.now();
  EXPECT_LE(before, clock.now());
  EXPECT_GT(clock.wall_now().seconds(), 1'700'000'000);
}

// Sets TZ for the life of the object.
class TimeZone {
 public:
  explicit TimeZone(const char* name) {
    if (const char* old = std::getenv("TZ")) old_ = old;
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~TimeZone() {
    if (old_)
      ::setenv("TZ", old_->c_str(), 1);
    else
      ::unsetenv("TZ");
    ::tzset();
  }
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;

 private:
  std::optional<std::string> old_;
};

TEST(Clock, FormatsInEveryZone) {
  struct Case {
    const char* zone;
    std::int64_t seconds;
    const char* log;
    const char* rfc5322;
  };
  // POSIX zone names need no zone files: "ABC-5:30" lies five and a half hours east.
  static constexpr Case kCases[] = {
      {"UTC0", 1795254067, "2026-11-21 09:41:07", "Sat, 21 Nov 2026 09:41:07 +0000"},
      {"ABC-5:30", 1795254067, "2026-11-21 15:11:07", "Sat, 21 Nov 2026 15:11:07 +0530"},
      {"ABC3:30", 1795254067, "2026-11-21 06:11:07", "Sat, 21 Nov 2026 06:11:07 -0330"},
      {"ABC11", 1795254067, "2026-11-20 22:41:07", "Fri, 20 Nov 2026 22:41:07 -1100"},
      {"ABC-14", 1795254067, "2026-11-21 23:41:07", "Sat, 21 Nov 2026 23:41:07 +1400"},
      {"ABC0:30", 1795254067, "2026-11-21 09:11:07", "Sat, 21 Nov 2026 09:11:07 -0030"},
      {"UTC0", 0, "1970-01-01 00:00:00", "Thu, 01 Jan 1970 00:00:00 +0000"},
      {"ABC1", 0, "1969-12-31 23:00:00", "Wed, 31 Dec 1969 23:00:00 -0100"},
      {"UTC0", 1709251199, "2024-02-29 23:59:59", "Thu, 29 Feb 2024 23:59:59 +0000"},
      {"UTC0", 4102444800, "2100-01-01 00:00:00", "Fri, 01 Jan 2100 00:00:00 +0000"},
      {"EST5EDT,M3.2.0,M11.1.0", 1783000000, "2026-07-02 09:46:40", "Thu, 02 Jul 2026 09:46:40 -0400"},
      {"EST5EDT,M3.2.0,M11.1.0", 1795254067, "2026-11-21 04:41:07", "Sat, 21 Nov 2026 04:41:07 -0500"},
  };
  for (const Case& c : kCases) {
    const TimeZone zone(c.zone);
    EXPECT_EQ(format_log_time(WallTime{c.seconds * 1'000'000}), c.log) << c.zone;
    EXPECT_EQ(format_rfc5322_time(WallTime{c.seconds * 1'000'000}), c.rfc5322) << c.zone;
  }
}

TEST(Clock, FractionsOfASecondAreCutAlsoBeforeTheEpoch) {
  const TimeZone zone("UTC0");
  EXPECT_EQ(WallTime{1'999'999}.seconds(), 1);
  EXPECT_EQ(WallTime{-1}.seconds(), -1) << "a moment before the epoch belongs to the second before it";
  EXPECT_EQ(format_log_time(WallTime{-1}), "1969-12-31 23:59:59");
}

TEST(ManualClock, MovesBothTimes) {
  ManualClock clock;
  const Instant now = clock.now();
  const WallTime wall = clock.wall_now();
  clock.advance_ms(1500);
  EXPECT_EQ(clock.now().ns - now.ns, 1'500'000'000);
  EXPECT_EQ(clock.wall_now().us - wall.us, 1'500'000);
}

}  // namespace
}  // namespace postern
