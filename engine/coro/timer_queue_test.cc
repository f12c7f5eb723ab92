#include "engine/coro/timer_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "engine/base/random.h"

namespace postern {
namespace {

constexpr std::int64_t kTickNs = std::int64_t{1} << 20;
constexpr Instant kStart{5'000 * kTickNs};  // at the beginning of a tick

class Probe final : public Timer {
 public:
  explicit Probe(std::function<void()> then = {}) : then_(std::move(then)) {}
  int fired = 0;

 private:
  void on_timer() override {
    EXPECT_FALSE(armed()) << "a timer is disarmed when it fires";
    ++fired;
    if (then_) then_();
  }
  std::function<void()> then_;
};

Instant after(Instant start, std::int64_t ticks) { return {start.ns + ticks * kTickNs}; }

TEST(TimerQueue, FiresAtItsTimeAndNeverEarlier) {
  for (std::int64_t delay_ns : {std::int64_t{1}, kTickNs - 1, kTickNs, kTickNs + 1, 63 * kTickNs, 64 * kTickNs, 65 * kTickNs,
                                4095 * kTickNs, 4096 * kTickNs, 4097 * kTickNs, (1L << 18) * kTickNs, (1L << 24) * kTickNs + 7,
                                (1L << 30) * kTickNs - 1, (1L << 36) * kTickNs, (1L << 36) * kTickNs + 5}) {
    TimerQueue queue(kStart);
    Probe probe;
    const Instant when{kStart.ns + delay_ns};
    queue.arm(probe, when);
    queue.advance(Instant{when.ns - 1});
    ASSERT_EQ(probe.fired, 0) << delay_ns;
    EXPECT_LE(queue.next_due().ns, when.ns + kTickNs);
    queue.advance(Instant{when.ns + kTickNs});
    ASSERT_EQ(probe.fired, 1) << delay_ns;
    EXPECT_TRUE(queue.next_due().is_never());
  }
}

TEST(TimerQueue, EveryStartAndDelayAroundTheLevels) {
  // Digits of the tick about to roll over, in one level or in several.
  for (const std::int64_t start_tick : {0L, 1L, 62L, 63L, 64L, 4030L, 4095L, (1L << 12) - 2, (1L << 18) - 1, (1L << 24) - 1,
                                        (1L << 30) - 3, (1L << 36) - 1, (1L << 36) - 70, (1L << 42) - 1})
    for (const std::int64_t delay : {1L, 2L, 63L, 64L, 65L, 127L, 128L, 4095L, 4096L, 4097L, 1L << 18, (1L << 18) + 1, 1L << 24,
                                     1L << 30, 1L << 36, (1L << 42) - 1}) {
      const Instant start{start_tick * kTickNs};
      TimerQueue queue(start);
      Probe probe;
      queue.arm(probe, after(start, delay));
      queue.advance(after(start, delay - 1));
      ASSERT_EQ(probe.fired, 0) << start_tick << " " << delay;
      queue.advance(after(start, delay));
      ASSERT_EQ(probe.fired, 1) << start_tick << " " << delay;
    }
}

// Two years and three months of uptime is 2^36 ticks, where six digits of base 64 roll over.
TEST(TimerQueue, RunsAcrossTwoToTheThirtySixTicks) {
  const Instant start{((std::int64_t{1} << 36) - 100) * kTickNs};
  TimerQueue queue(start);
  Probe soon;
  Probe across;
  Probe far;
  queue.arm(soon, after(start, 50));
  queue.arm(across, after(start, 150));
  queue.arm(far, after(start, 1'000'000));
  for (std::int64_t tick = 1; tick <= 200; ++tick) {
    queue.advance(after(start, tick));
    ASSERT_EQ(soon.fired, tick >= 50 ? 1 : 0);
    ASSERT_EQ(across.fired, tick >= 150 ? 1 : 0) << tick;
  }
  queue.advance(after(start, 1'000'000));
  EXPECT_EQ(far.fired, 1);
}

TEST(TimerQueue, TheEndOfTimeAndTheTimeBeforeTheBeginning) {
  TimerQueue queue(kStart);
  Probe last;
  Probe before;
  queue.arm(last, Instant{std::numeric_limits<std::int64_t>::max() - 1});
  EXPECT_FALSE(queue.next_due().is_never());
  EXPECT_GT(queue.next_due(), kStart);
  queue.arm(before, Instant{-5});
  queue.advance(after(kStart, 1));
  EXPECT_EQ(before.fired, 1) << "a time long past fires in the next turn";
  EXPECT_EQ(last.fired, 0);
  TimerQueue early(Instant{-7});
  early.arm(before, Instant{-5});
  early.advance(Instant{kTickNs});
  EXPECT_EQ(before.fired, 2);
}

TEST(TimerQueue, MovingLaterAndSooner) {
  TimerQueue queue(kStart);
  Probe probe;
  queue.arm(probe, after(kStart, 100));
  queue.arm(probe, after(kStart, 200));  // only noted
  queue.advance(after(kStart, 150));
  EXPECT_EQ(probe.fired, 0);
  EXPECT_TRUE(probe.armed());
  EXPECT_EQ(probe.when(), after(kStart, 200));
  queue.arm(probe, after(kStart, 160));
  queue.advance(after(kStart, 160));
  EXPECT_EQ(probe.fired, 1);
  queue.advance(after(kStart, 300));
  EXPECT_EQ(probe.fired, 1);
  queue.arm(probe, after(kStart, 400));
  queue.disarm(probe);
  EXPECT_FALSE(probe.armed());
  queue.arm(probe, after(kStart, 500));
  queue.advance(after(kStart, 450));
  EXPECT_EQ(probe.fired, 1);
  queue.arm(probe, Instant::never());
  queue.advance(after(kStart, 600));
  EXPECT_EQ(probe.fired, 1);
  EXPECT_TRUE(queue.next_due().is_never());
}

TEST(TimerQueue, ATimeInThePastFiresInTheNextTurnAndOnce) {
  TimerQueue queue(kStart);
  Probe* self = nullptr;
  Probe again([&] { queue.arm(*self, kStart); });
  self = &again;
  queue.arm(again, kStart);
  EXPECT_EQ(again.fired, 0);
  EXPECT_EQ(queue.advance(after(kStart, 1000)), 1U) << "armed again in the past from within: that is for the next turn";
  EXPECT_EQ(again.fired, 1);
  EXPECT_EQ(queue.advance(after(kStart, 1001)), 1U);
  EXPECT_EQ(again.fired, 2);
}

TEST(TimerQueue, TimersMayGoOrMoveFromWithinOthers) {
  TimerQueue queue(kStart);
  std::unique_ptr<Probe> gone = std::make_unique<Probe>();
  Probe moved;
  Probe disarmed;
  Probe first([&] {
    gone.reset();
    queue.arm(moved, after(kStart, 70));
    queue.disarm(disarmed);
  });
  // All in the same slot, the first queued first.
  for (Probe* probe : {&first, gone.get(), &moved, &disarmed}) queue.arm(*probe, after(kStart, 5));
  EXPECT_EQ(queue.advance(after(kStart, 5)), 1U);
  EXPECT_EQ(moved.fired, 0);
  EXPECT_EQ(disarmed.fired, 0);
  EXPECT_EQ(queue.advance(after(kStart, 70)), 1U);
  EXPECT_EQ(moved.fired, 1);
}

TEST(TimerQueue, ATimerMayEndItself) {
  TimerQueue queue(kStart);
  std::unique_ptr<Probe> probe;
  bool fired = false;
  probe = std::make_unique<Probe>([&] {
    fired = true;
    probe.reset();
  });
  queue.arm(*probe, after(kStart, 3));
  queue.advance(after(kStart, 3));
  EXPECT_TRUE(fired);
  EXPECT_EQ(probe, nullptr);
}

TEST(TimerQueue, LetsTimersGoWhenItGoesFirst) {
  Probe probe;
  {
    TimerQueue queue(kStart);
    queue.arm(probe, after(kStart, 5));
  }
  TimerQueue other(kStart);
  other.arm(probe, after(kStart, 6));
  other.advance(after(kStart, 6));
  EXPECT_EQ(probe.fired, 1);
}

TEST(TimerQueue, OneTurnFiresInOrderOfTime) {
  TimerQueue queue(kStart);
  std::vector<int> order;
  std::vector<std::unique_ptr<Probe>> probes;
  SeededRandom random(9);
  std::vector<std::int64_t> ticks;
  for (int i = 0; i < 300; ++i) {
    ticks.push_back(static_cast<std::int64_t>(1 + random.below(1ULL << random.below(30))));
    probes.push_back(std::make_unique<Probe>([&order, i] { order.push_back(i); }));
    queue.arm(*probes.back(), after(kStart, ticks.back()));
  }
  EXPECT_EQ(queue.advance(after(kStart, 1L << 31)), 300U);
  for (std::size_t i = 1; i < order.size(); ++i)
    ASSERT_LE(ticks[static_cast<std::size_t>(order[i - 1])], ticks[static_cast<std::size_t>(order[i])]);
}

// Against a model that looks at every timer in every turn.
class TimerModel {
 public:
  explicit TimerModel(std::uint64_t seed)
      : random_(seed), now_{static_cast<std::int64_t>(random_.below(1ULL << (20 + random_.below(43))))}, queue_(now_) {
    for (std::size_t i = 0; i < kTimers; ++i) make(i);
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      const auto operations = random_.below(6);
      for (std::uint64_t i = 0; i < operations; ++i) change();
      advance();
    }
  }

 private:
  static constexpr std::size_t kTimers = 40;
  struct Entry {
    std::unique_ptr<Probe> probe;
    std::uint64_t due = UINT64_MAX;  // the tick it has to fire at; UINT64_MAX when not armed
  };
  static std::uint64_t floor_tick(Instant when) { return static_cast<std::uint64_t>(std::max<std::int64_t>(when.ns, 0)) >> 20; }

  void make(std::size_t i) {
    entries_[i].probe = std::make_unique<Probe>([this, i] { fired(i); });
    entries_[i].due = UINT64_MAX;
  }
  void fired(std::size_t i) {
    ASSERT_LE(entries_[i].due, floor_tick(now_)) << "too early, or not armed";
    ASSERT_GE(entries_[i].due, last_due_) << "out of order";
    last_due_ = entries_[i].due;
    entries_[i].due = UINT64_MAX;
    const auto changes = random_.below(3);
    for (std::uint64_t n = 0; n < changes; ++n) change(i);
  }
  // Arms, moves, disarms or replaces a timer; not the one that is firing, except to arm it.
  void change(std::size_t firing = kTimers) {
    const auto i = static_cast<std::size_t>(random_.below(kTimers));
    Entry& entry = entries_[i];
    switch (random_.below(8)) {
      case 0:
        queue_.disarm(*entry.probe);
        entry.due = UINT64_MAX;
        return;
      case 1:
        if (i != firing) make(i);
        return;
      default: break;
    }
    const std::int64_t distance = static_cast<std::int64_t>(random_.below(1ULL << random_.below(62)));
    Instant when{now_.ns};
    if (random_.below(8) == 0)
      when.ns -= distance % (when.ns + 1);
    else if (distance < Instant::never().ns - when.ns)
      when.ns += distance;
    queue_.arm(*entry.probe, when);
    const std::uint64_t ceiling = floor_tick(Instant{when.ns - 1}) + 1;
    entry.due = std::max(when.ns <= 0 ? 0 : ceiling, floor_tick(now_) + 1);
  }
  void advance() {
    const std::int64_t step = static_cast<std::int64_t>(random_.below(1ULL << random_.below(50)));
    if (step < Instant::never().ns - now_.ns - kTickNs) now_.ns += step;
    std::uint64_t earliest = UINT64_MAX;
    for (const Entry& entry : entries_) earliest = std::min(earliest, entry.due);
    if (earliest != UINT64_MAX) {
      ASSERT_FALSE(queue_.next_due().is_never());
      ASSERT_LE(floor_tick(queue_.next_due()), earliest) << "would sleep too long";
    }
    last_due_ = 0;
    queue_.advance(now_);
    for (const Entry& entry : entries_) {
      ASSERT_EQ(entry.probe->armed(), entry.due != UINT64_MAX);
      ASSERT_GT(entry.due, floor_tick(now_)) << "should have fired";
    }
  }

  SeededRandom random_;
  Instant now_;
  TimerQueue queue_;
  std::uint64_t last_due_ = 0;
  std::array<Entry, kTimers> entries_;
};

TEST(TimerQueue, BehavesLikeANaiveList) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    TimerModel model(seed);
    model.run(100);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace postern
