#include "appliance/delivery/destinations.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/manual_scheduler.h"

namespace postern::delivery {
namespace {

class DestinationsTest : public ::testing::Test, public RoomListener {
 protected:
  struct Try final : Attempt {
    Try(DestinationsTest& owner, std::string to) : test(owner), destination(std::move(to)) {}
    Task<bool> make() override {
      test.made.push_back(destination);
      ++test.at_once[destination];
      test.most_at_once[destination] = std::max(test.most_at_once[destination], test.at_once[destination]);
      static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(10)));
      --test.at_once[destination];
      co_return !test.down.contains(destination);
    }
    void on_end(bool was_made) override { ended = was_made ? 1 : 2; }
    DestinationsTest& test;
    std::string destination;
    int ended = 0;
  };
  bool on_room(const std::string& destination) override {
    room.push_back(destination);
    return false;
  }
  bool offer(std::string to) {
    tries.push_back(std::make_unique<Try>(*this, to));
    return all_->offer(to, *tries.back());
  }
  void begin(DestinationLimits limits) { all_ = std::make_unique<Destinations>(limits, *this); }
  void finish() {
    all_->stop();
    Gate gate;
    gate.start(all_->close());
    scheduler_.advance_ms(100);
    ASSERT_EQ(gate.inside(), 0U);
    EXPECT_EQ(all_->size(), 0U);
    EXPECT_EQ(all_->waiting(), 0U);
  }

  ManualScheduler scheduler_;
  std::unique_ptr<Destinations> all_;
  std::vector<std::unique_ptr<Try>> tries;
  std::vector<std::string> made;
  std::vector<std::string> room;
  std::map<std::string, int> at_once;
  std::map<std::string, int> most_at_once;
  std::set<std::string> down;
};

TEST_F(DestinationsTest, EachHasItsShare) {
  begin({.attempts_max = 6, .attempts_per_destination_max = 4, .waiting_per_destination_max = 500});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(offer("slow"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(offer("other"));
  scheduler_.advance_ms(30);
  EXPECT_EQ(most_at_once["slow"], 4);
  for (int i = 100; i < 103; ++i)
    EXPECT_EQ(tries[static_cast<std::size_t>(i)]->ended, 1);  // a hundred before it did not matter
  scheduler_.advance_ms(400);
  EXPECT_EQ(made.size(), 103U);
  EXPECT_EQ(all_->size(), 0U);
  finish();
}

TEST_F(DestinationsTest, OneInTroubleIsTriedByOneAtATime) {
  begin({.attempts_max = 100, .attempts_per_destination_max = 10, .waiting_per_destination_max = 500});
  down.insert("d");
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(offer("d"));
  scheduler_.advance_ms(15);
  most_at_once.clear();
  scheduler_.advance_ms(80);
  EXPECT_EQ(most_at_once["d"], 1);
  down.clear();
  scheduler_.advance_ms(40);
  EXPECT_GT(most_at_once["d"], 2);
  scheduler_.advance_ms(200);
  EXPECT_EQ(made.size(), 30U);
  finish();
}

TEST_F(DestinationsTest, AFullQueueRefusesAndTellsWhenItHasRoom) {
  begin({.attempts_max = 10, .attempts_per_destination_max = 1, .waiting_per_destination_max = 4});
  int taken = 0;
  for (int i = 0; i < 10; ++i) taken += offer("d") ? 1 : 0;
  EXPECT_EQ(taken, 5);  // one is under way
  EXPECT_TRUE(room.empty());
  scheduler_.advance_ms(25);
  EXPECT_EQ(room, std::vector<std::string>{"d"});
  EXPECT_TRUE(offer("d"));
  scheduler_.advance_ms(200);
  finish();
}

TEST_F(DestinationsTest, StopEndsThoseThatWaitAndLetsOthersFinish) {
  begin({.attempts_max = 2, .attempts_per_destination_max = 2, .waiting_per_destination_max = 100});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(offer("a"));
  EXPECT_TRUE(offer("b"));
  finish();
  EXPECT_EQ(made.size(), 2U);
  EXPECT_EQ(tries[0]->ended, 1);
  EXPECT_EQ(tries[1]->ended, 1);
  for (std::size_t i = 2; i < 6; ++i) EXPECT_EQ(tries[i]->ended, 2) << i;
  EXPECT_FALSE(offer("a"));
}

}  // namespace
}  // namespace postern::delivery
