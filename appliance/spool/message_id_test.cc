#include "appliance/spool/message_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "appliance/spool/message_ids.h"
#include "appliance/spool/spool_testing.h"

namespace postern::spool {
namespace {

constexpr WallTime at_second(std::int64_t seconds) { return {seconds * 1'000'000}; }

TEST(MessageId, HasTheFormOfExim) {
  const struct {
    MessageIdParts parts;
    std::string_view text;
  } cases[] = {
      {{0, 0, 0, 0}, "000000-000000-00"},
      {{1, 1, 1, 1}, "000001-010001-01"},
      {{61, 61, 61, 61}, "00000z-0z000z-0z"},
      {{62, 62, 62, 62}, "000010-100010-10"},
      {{1'700'000'000, 3, 12'345, 5}, "1r31eq-0303D7-05"},
      {{MessageIdParts::kSecondsMax - 1, 3843, MessageIdParts::kCounters - 1, 3843}, "zzzzzz-zzzzzz-zz"},
      {{5, 0, 0, MessageIdParts::kBoots + 2}, "000005-000000-02"},
  };
  for (const auto& c : cases) {
    const MessageId id(c.parts);
    EXPECT_EQ(id.view(), c.text);
    MessageIdParts expected = c.parts;
    expected.boot %= MessageIdParts::kBoots;
    EXPECT_EQ(id.parts(), expected);
    const auto parsed = MessageId::parse(id.view());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, id);
  }
}

TEST(MessageId, ParsesNothingElse) {
  const std::string good = "1rABcd-03003D-05";
  ASSERT_TRUE(MessageId::parse(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(MessageId::parse(good.substr(0, cut)));
  EXPECT_FALSE(MessageId::parse(good + "0"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = good[i] == '-' ? '0' : '-';
    EXPECT_FALSE(MessageId::parse(bad)) << bad;
    bad[i] = '\x80';
    EXPECT_FALSE(MessageId::parse(bad));
  }
}

TEST(MessageIdGenerator, NeverGoesBack) {
  MessageIdGenerator ids(ShardId{2}, 9, 1000, 5000);
  const std::int64_t clock[] = {1000, 1000, 1001, 1, -5, 1001, 1400, 1399, 4999, 5000, 9999, 2};
  MessageId last;
  for (const std::int64_t now : clock) {
    const auto id = ids.next(at_second(now));
    ASSERT_TRUE(id);
    EXPECT_GT(*id, last);
    EXPECT_LE(id->parts().seconds, 5000U);
    EXPECT_EQ(id->parts().shard, 2);
    EXPECT_EQ(id->parts().boot, 9U);
    last = *id;
  }
  EXPECT_EQ(last.parts().seconds, 5000U);  // clamped until the ceiling is raised
  ids.raise_ceiling(6000);
  EXPECT_EQ(ids.next(at_second(9999))->parts().seconds, 6000U);
}

TEST(MessageIdGenerator, AFullSecondRunsIntoTheNext) {
  MessageIdGenerator ids(ShardId{0}, 1, 10, 11, MessageIdParts::kCounters - 2);
  const struct {
    std::uint64_t seconds;
    std::uint32_t counter;
  } expected[] = {{10, MessageIdParts::kCounters - 2}, {10, MessageIdParts::kCounters - 1}, {11, 0}, {11, 1}};
  for (const auto& e : expected) {
    const auto id = ids.next(at_second(3));
    ASSERT_TRUE(id);
    EXPECT_EQ(id->parts().seconds, e.seconds);
    EXPECT_EQ(id->parts().counter, e.counter);
  }
}

TEST(MessageIdGenerator, AFullSecondAtTheCeilingIsBusy) {
  MessageIdGenerator ids(ShardId{0}, 1, 10, 10, MessageIdParts::kCounters - 1);
  EXPECT_TRUE(ids.next(at_second(3)));
  const auto none = ids.next(at_second(3));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::busy);
  ids.raise_ceiling(11);
  EXPECT_EQ(ids.next(at_second(3))->parts().seconds, 11U);
}

TEST(MessageIdState, ReadsOnlyWhatItWrites) {
  const MessageIdState state{17, 1'763'712'345};
  const std::string text = format_message_id_state(state);
  EXPECT_EQ(text, "postern-ids 1\nboot 17\nseconds 1763712345\n");
  EXPECT_EQ(parse_message_id_state(text), state);
  for (std::size_t cut = 0; cut < text.size(); ++cut) EXPECT_FALSE(parse_message_id_state(text.substr(0, cut)));
  for (const std::string_view bad :
       {"postern-ids 2\nboot 17\nseconds 5\n", "postern-ids 1\nboot x\nseconds 5\n", "postern-ids 1\nboot 1\nseconds 5\n\n",
        "postern-ids 1\nboot -1\nseconds 5\n", "postern-ids 1\nboot 1\nseconds 99999999999999\n",
        "postern-ids 1\nboot 99999999999999999999999\nseconds 5\n", "postern-ids 1\nboot  1\nseconds 5\n"})
    EXPECT_FALSE(parse_message_id_state(bad)) << bad;
}

class MessageIdsTest : public ::testing::Test {
 protected:
  MessageIdsTest() { POSTERN_CHECK(world_.make_directory("shard")); }
  testing::World world_;
};

TEST_F(MessageIdsTest, RestartsCountBootsAndKeepTheSecondsGoingForward) {
  MessageId last;
  for (std::uint64_t boot = 1; boot <= 5; ++boot) {
    MessageIds ids(world_.files, "shard", ShardId{1});
    ASSERT_TRUE(world_.run(ids.start()));
    EXPECT_EQ(ids.boot(), boot);
    for (int i = 0; i < 10; ++i) {
      const auto id = ids.next();
      ASSERT_TRUE(id && *id > last);
      last = *id;
    }
    world_.run(ids.stop());
    // The clock jumps back between the runs.
    world_.scheduler.clock().set_wall({world_.scheduler.wall_now().us - 3600'000'000});
  }
}

TEST_F(MessageIdsTest, ACleanStopLeavesTheExactSeconds) {
  MessageIds ids(world_.files, "shard", ShardId{1});
  ASSERT_TRUE(world_.run(ids.start()));
  const auto id = ids.next();
  ASSERT_TRUE(id);
  EXPECT_EQ(id->parts().seconds, static_cast<std::uint64_t>(world_.scheduler.wall_now().seconds()));
  world_.run(ids.stop());
  const auto state = parse_message_id_state(*world_.run(world_.files.read_all("shard/ids", 100)));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->seconds, id->parts().seconds);
}

TEST_F(MessageIdsTest, RenewsItsLease) {
  MessageIds ids(world_.files, "shard", ShardId{1});
  ASSERT_TRUE(world_.run(ids.start()));
  for (int minute = 0; minute < 5; ++minute) {
    world_.scheduler.advance_ms(60'000);
    const auto id = ids.next();
    ASSERT_TRUE(id);
    EXPECT_EQ(id->parts().seconds, static_cast<std::uint64_t>(world_.scheduler.wall_now().seconds()));
  }
  world_.run(ids.stop());
}

TEST_F(MessageIdsTest, AFullDiskStopsTheSecondsAndNotTheIds) {
  MessageIds ids(world_.files, "shard", ShardId{1});
  ASSERT_TRUE(world_.run(ids.start()));
  world_.files.set_capacity(0);
  MessageId last;
  for (int i = 0; i < 4; ++i) {
    world_.scheduler.advance_ms(60'000);
    const auto id = ids.next();
    ASSERT_TRUE(id && *id > last);
    last = *id;
  }
  EXPECT_LT(last.parts().seconds, static_cast<std::uint64_t>(world_.scheduler.wall_now().seconds()));
  world_.run(ids.stop());
}

TEST_F(MessageIdsTest, AFileThatDoesNotReadStopsTheStart) {
  ASSERT_TRUE(world_.run(world_.files.replace("shard/ids", "postern-ids 1\nboot")));
  MessageIds ids(world_.files, "shard", ShardId{1});
  const auto started = world_.run(ids.start());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::bad_format);
}

// Power goes at every change, over and over; what was issued before is never issued again and never passed by.
TEST(MessageIdsCrash, NeverRepeatOverLossesOfPower) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    testing::World world(seed);
    ASSERT_TRUE(world.make_directory("shard"));
    std::set<std::string> issued;
    std::uint64_t highest = 0;
    for (int round = 0; round < 8; ++round) {
      world.files.cut_power_after(world.files.changes() + world.random.below(12));
      {
        MessageIds ids(world.files, "shard", ShardId{4});
        if (world.run(ids.start())) {
          for (int step = 0; step < 3; ++step) {
            world.scheduler.advance_ms(static_cast<std::int64_t>(world.random.below(40'000)));
            const auto id = ids.next();
            ASSERT_TRUE(id);
            EXPECT_TRUE(issued.insert(std::string(id->view())).second);
            EXPECT_GE(id->parts().seconds, highest);
            highest = std::max(highest, id->parts().seconds);
          }
          world.run(ids.stop());
        }
      }
      if (world.files.has_power()) world.files.cut_power();
      world.files.restart(FakeFileSystem::Survival::random, &world.random);
      const std::int64_t jump = static_cast<std::int64_t>(world.random.below(200)) - 100;
      world.scheduler.clock().set_wall({world.scheduler.wall_now().us + jump * 1'000'000});
    }
  }
}

}  // namespace
}  // namespace postern::spool
