#include "engine/ring/ring_delays.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/coro/event.h"
#include "engine/shard/loop.h"

namespace postern::ring {
namespace {

class Call final : public DelayedCall {
 public:
  Call(std::string& order, char name) noexcept : order_(order), name_(name) {}
  Event over;
  bool from_within = true;

 private:
  void on_delay_over() override {
    EXPECT_FALSE(from_within);
    order_ += name_;
    over.set();
  }
  std::string& order_;
  char name_;
};

class RingDelaysTest : public ::testing::Test {
 public:
  RingDelaysTest() : loop_(clock_) {
    ring_ = std::move(*Ring::create({.sq_entries = 64, .cq_entries = 256, .direct_descriptors = 8}));
    loop_.add(*ring_);
    loop_.set_sleeper(*ring_);
    delays_.emplace(*ring_);
  }
  void start(Call& call, std::int64_t us) {
    delays_->start(call, us);
    call.from_within = false;
  }

  SystemClock clock_;
  shard::Loop loop_;
  std::unique_ptr<Ring> ring_;
  std::optional<RingDelays> delays_;
  std::string order_;
};

TEST_F(RingDelaysTest, ShortOnesEndBeforeLongOnesAndNoneTooSoon) {
  static constexpr std::int64_t kLongUs = 30'000;
  loop_.run([](RingDelaysTest& test) -> Task<void> {
    Call longer(test.order_, 'l');
    Call shorter(test.order_, 's');
    Call none(test.order_, 'n');
    const Instant begun = test.clock_.now();
    test.start(longer, kLongUs);
    test.start(shorter, 2'000);
    test.start(none, 0);
    EXPECT_TRUE(co_await longer.over.wait());
    EXPECT_GE(test.clock_.now().ns - begun.ns, kLongUs * 1000);
    EXPECT_EQ(test.order_, "nsl");
  }(*this));
}

TEST_F(RingDelaysTest, OneAfterTheOtherUsesTheSameOperation) {
  loop_.run([](RingDelaysTest& test) -> Task<void> {
    const std::size_t before = test.ring_->operations_in_flight();
    for (int i = 0; i < 100; ++i) {
      Call call(test.order_, '.');
      test.start(call, i % 3);
      EXPECT_TRUE(co_await call.over.wait());
    }
    EXPECT_EQ(test.order_.size(), 100U);
    EXPECT_EQ(test.ring_->operations_in_flight(), before);
  }(*this));
}

}  // namespace
}  // namespace postern::ring
