#include "appliance/delivery/ledger.h"

#include <gtest/gtest.h>

#include <vector>

namespace postern::delivery {
namespace {

constexpr spool::SegmentKey kSegment{3, 0xabc};

Ledger replay_of(const std::vector<JournalRecord>& records) {
  Ledger ledger;
  for (const JournalRecord& record : records) EXPECT_TRUE(ledger.replay(record));
  return ledger;
}

std::vector<JournalRecord> snapshot_of(const Ledger& ledger) {
  std::vector<JournalRecord> records;
  ledger.snapshot([&](const JournalRecord& record) { records.push_back(record); });
  return records;
}

TEST(Ledger, AMessageIsAdmittedUntilItIsDone) {
  Ledger ledger;
  QueuedMessage* message = ledger.admit({kSegment, 8192}, 9000, 2);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ledger.scanned_to(kSegment), 9000U);
  EXPECT_EQ(ledger.queued_in(kSegment), 1U);
  ledger.finish(*message, {1});
  EXPECT_TRUE(message->finished.contains(1));
  EXPECT_FALSE(message->finished.contains(0));
  ledger.done(*message);
  EXPECT_EQ(ledger.queued(), 0U);
}

TEST(Ledger, WhatTheJournalSaysIsDoneIsNotAdmittedAgain) {
  std::vector<JournalRecord> journal;
  Ledger before;
  QueuedMessage* first = before.admit({kSegment, 8192}, 9000, 1);
  QueuedMessage* second = before.admit({kSegment, 9000}, 9500, 3);
  journal.push_back(before.attempting(*first));
  journal.push_back(before.attempting(*second));
  journal.push_back(before.done(*first));
  journal.push_back(before.finish(*second, {0, 2}));

  Ledger after = replay_of(journal);
  EXPECT_EQ(after.scanned_to(kSegment), 0U);
  EXPECT_EQ(after.admit({kSegment, 8192}, 9000, 1), nullptr);
  const QueuedMessage* left = after.admit({kSegment, 9000}, 9500, 3);
  ASSERT_NE(left, nullptr);
  EXPECT_TRUE(left->attempting);
  EXPECT_EQ(left->finished.size(), 2U);
  EXPECT_FALSE(left->finished.contains(1));
  EXPECT_NE(after.admit({kSegment, 9500}, 9600, 1), nullptr);
}

TEST(Ledger, ASnapshotKeepsWhatMattersAndNothingElse) {
  Ledger ledger;
  for (std::uint64_t offset = 8192; offset < 8192 + 100 * 64; offset += 64) {
    QueuedMessage* message = ledger.admit({kSegment, offset}, offset + 64, 1);
    if (offset != 8192 + 640) ledger.done(*message);
  }
  ledger.defer(*ledger.admit({kSegment, 20000}, 20100, 70), {10, 20, 30});
  const std::vector<JournalRecord> records = snapshot_of(ledger);
  EXPECT_EQ(records.size(), 3U);  // scanned, and the two that are left

  Ledger again = replay_of(records);
  EXPECT_EQ(again.scanned_to(kSegment), 20100U);
  std::vector<std::uint64_t> offsets;
  again.for_each_queued(kSegment, [&](QueuedMessage& message) { offsets.push_back(message.key.offset); });
  EXPECT_EQ(offsets, (std::vector<std::uint64_t>{8192 + 640, 20000}));
  EXPECT_EQ(snapshot_of(again), records);
}

TEST(Ledger, ManyFinishedRecipientsTakeSeveralRecords) {
  Ledger ledger;
  QueuedMessage* message = ledger.admit({kSegment, 8192}, 9000, 5000);
  std::vector<std::uint32_t> indexes;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    indexes.push_back(i);
    if (indexes.size() == kJournalIndexesMax || i == 2999) ledger.finish(*message, std::exchange(indexes, {}));
  }
  const std::vector<JournalRecord> records = snapshot_of(ledger);
  EXPECT_EQ(records.size(), 4U);
  Ledger again = replay_of(records);
  again.for_each_queued(kSegment, [](QueuedMessage& left) {
    EXPECT_EQ(left.finished.size(), 3000U);
    EXPECT_TRUE(left.finished.contains(2999));
    EXPECT_FALSE(left.finished.contains(3000));
  });
}

TEST(Ledger, ADrainedSegmentIsRememberedUntilItsFileIsInOtherUse) {
  Ledger ledger;
  ledger.done(*ledger.admit({kSegment, 8192}, 9000, 1));
  const JournalRecord drained = ledger.drain(kSegment);
  EXPECT_TRUE(ledger.is_drained(kSegment));
  EXPECT_TRUE(replay_of({drained}).is_drained(kSegment));
  Ledger again = replay_of(snapshot_of(ledger));
  EXPECT_TRUE(again.is_drained(kSegment));
  EXPECT_EQ(again.drained(), std::vector{kSegment});
  again.forget(kSegment);
  EXPECT_FALSE(again.knows(kSegment));
  EXPECT_TRUE(snapshot_of(again).empty());
}

TEST(Ledger, AMovedMessageKeepsAllThatIsKnownOfIt) {
  constexpr spool::SegmentKey kStore{9, 0xdef};
  std::vector<JournalRecord> journal;
  Ledger ledger;
  QueuedMessage* message = ledger.admit({kSegment, 8192}, 8192 + 640, 3);
  journal.push_back(ledger.finish(*message, {1}));
  journal.push_back(ledger.defer(*message, {100, 200, 300}));
  journal.push_back(ledger.attempting(*message));
  EXPECT_EQ(ledger.live_bytes(kSegment), 640U);
  journal.push_back(ledger.move(*message, {kStore, 16384}, 704));

  EXPECT_EQ(ledger.find({kStore, 16384}), message);
  EXPECT_EQ(ledger.find({kSegment, 8192}), nullptr);
  EXPECT_EQ(ledger.queued(), 1U);
  EXPECT_EQ(ledger.live_bytes(kSegment), 0U);
  EXPECT_EQ(ledger.live_bytes(kStore), 704U);
  journal.push_back(ledger.drain(kSegment));

  for (const std::vector<JournalRecord>& records : {journal, snapshot_of(ledger)}) {
    Ledger again = replay_of(records);
    EXPECT_TRUE(again.is_drained(kSegment));
    const QueuedMessage* copy = again.admit({kStore, 16384}, 16384 + 704, 3);
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(copy->times, (RetryTimes{100, 200, 300}));
    EXPECT_TRUE(copy->attempting);
    EXPECT_TRUE(copy->finished.contains(1));
    EXPECT_FALSE(copy->finished.contains(0));
  }
}

TEST(Ledger, WhatMovedIsNotMetAgainWhereItWas) {
  constexpr spool::SegmentKey kStore{9, 0xdef};
  Ledger before;
  QueuedMessage* message = before.admit({kSegment, 8192}, 9000, 1);
  Ledger after = replay_of({before.move(*message, {kStore, 8192}, 808)});
  EXPECT_EQ(after.admit({kSegment, 8192}, 9000, 1), nullptr);
  // Done before the reader of its new segment came by: it is not met there either.
  after.done(*after.find({kStore, 8192}));
  EXPECT_EQ(after.admit({kStore, 8192}, 9000, 1), nullptr);
  EXPECT_EQ(after.queued(), 0U);
}

TEST(Ledger, LostOutcomesAreRememberedUntilTheyDoNotMatter) {
  Ledger ledger;
  ledger.lose_outcomes();
  Ledger again = replay_of(snapshot_of(ledger));
  EXPECT_TRUE(again.outcomes_lost());
  EXPECT_TRUE(again.replay(again.outcomes_known()));
  EXPECT_FALSE(again.outcomes_lost());
  EXPECT_TRUE(snapshot_of(again).empty());
}

TEST(Ledger, ContradictionsAreDamage) {
  JournalRecord drained;
  drained.kind = JournalKind::drained;
  drained.key.segment = kSegment;
  JournalRecord done;
  done.kind = JournalKind::done;
  done.key = {kSegment, 8192};
  JournalRecord deferred = done;
  deferred.kind = JournalKind::deferred;
  const auto second_is_refused = [](const JournalRecord& first, const JournalRecord& second) {
    Ledger ledger;
    EXPECT_TRUE(ledger.replay(first));
    EXPECT_FALSE(ledger.replay(second));
  };
  second_is_refused(drained, done);
  second_is_refused(deferred, drained);
  second_is_refused(done, deferred);
  JournalRecord moved = done;
  moved.kind = JournalKind::moved;
  moved.to = {{9, 0xdef}, 8192};
  second_is_refused(done, moved);
  second_is_refused(moved, moved);
  JournalRecord done_there = done;
  done_there.key = moved.to;
  second_is_refused(done_there, moved);
  JournalRecord in_place = moved;
  in_place.to = in_place.key;
  EXPECT_FALSE(Ledger().replay(in_place));
  JournalRecord many = deferred;
  many.kind = JournalKind::finished;
  many.indexes = {kRecipientsMax};
  EXPECT_FALSE(Ledger().replay(many));
}

}  // namespace
}  // namespace postern::delivery
