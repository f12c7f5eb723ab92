#include "appliance/spool/writer.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "appliance/spool/spool_testing.h"
#include "engine/base/allocation_count_testing.h"

namespace postern::spool {
namespace {

using testing::FoundRecord;
using testing::PendingCommit;
using testing::small_options;

class SegmentWriterTest : public ::testing::Test {
 protected:
  SegmentWriterTest() { POSTERN_CHECK(world_.make_directory("spool")); }
  void TearDown() override {
    if (writer_ != nullptr) stop();
  }

  void start(const WriterOptions& options = small_options(), Publisher* doorbell = nullptr) {
    writer_ = std::make_unique<SegmentWriter>(world_.files, "spool/07", options, world_.random, world_.reporter, doorbell);
    world_.writer = writer_.get();
    ASSERT_TRUE(world_.run(writer_->start()));
  }
  void stop() {
    world_.run(writer_->stop());
    world_.writer = nullptr;
    writer_.reset();
  }
  PendingCommit& commit(std::size_t bytes = 100) {
    return commits_.emplace_back(world_, *writer_, testing::make_message(next_number_++, bytes), 3);
  }
  // Everything on the disk that has a final end, in order.
  std::vector<FoundRecord> stored() { return read_directory(world_, "spool/07"); }
  // Every commit that succeeded is stored once, in order, and nothing else is.
  void expect_stored_exactly_the_acknowledged() {
    const std::vector<FoundRecord> found = stored();
    std::vector<const PendingCommit*> good;
    for (const PendingCommit& c : commits_)
      if (c.ok()) good.push_back(&c);
    ASSERT_EQ(found.size(), good.size());
    for (std::size_t i = 0; i < good.size(); ++i) {
      EXPECT_EQ(found[i].key, good[i]->outcome()->key);
      EXPECT_EQ(found[i].record_bytes, good[i]->outcome()->record_bytes);
      EXPECT_EQ(found[i].id, good[i]->message().id);
      EXPECT_EQ(found[i].content, good[i]->message().content);
    }
  }
  std::size_t count(Errc code) const {
    std::size_t n = 0;
    for (const PendingCommit& c : commits_)
      if (c.done() && !c.outcome() && c.outcome().error().code == code) ++n;
    return n;
  }

  testing::World world_;
  std::unique_ptr<SegmentWriter> writer_;
  std::deque<PendingCommit> commits_;
  std::uint32_t next_number_ = 1;
};

TEST_F(SegmentWriterTest, ALoneCommitIsWrittenAtTheEndOfItsTurn) {
  start();
  world_.files.hold(FakeOp::write_durable);
  const PendingCommit& one = commit();
  EXPECT_EQ(world_.files.in_flight(), 0U);
  writer_->flush();
  EXPECT_EQ(world_.files.in_flight(), 1U);
  EXPECT_FALSE(one.done());
  world_.files.let_go();
  world_.settle();
  EXPECT_TRUE(one.ok());
  EXPECT_EQ(writer_->stats().batches.get(), 1U);
}

TEST_F(SegmentWriterTest, WhatArrivesDuringAWriteSharesTheNext) {
  start();
  world_.files.hold(FakeOp::write_durable);
  commit();
  world_.turn();
  for (int i = 0; i < 20; ++i) commit();
  world_.turn();
  EXPECT_EQ(world_.files.in_flight(), 1U);
  world_.files.let_go();
  world_.settle();
  EXPECT_EQ(writer_->stats().batches.get(), 2U);
  EXPECT_EQ(writer_->stats().commits.get(), 21U);
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, NothingIsAcknowledgedBeforeItsWriteIsDurable) {
  start();
  for (int round = 0; round < 5; ++round) {
    world_.files.hold(FakeOp::write_durable);
    const PendingCommit& one = commit();
    world_.settle();
    EXPECT_FALSE(one.done());
    world_.files.let_go();
    world_.settle();
    EXPECT_TRUE(one.ok());
  }
}

TEST_F(SegmentWriterTest, MoreThanABufferHoldsWaitsInOrder) {
  start(small_options(1 << 20, 8192));
  for (int i = 0; i < 60; ++i) commit(1000);
  EXPECT_GT(writer_->stats().waiting.get(), 40U);
  world_.settle();
  EXPECT_EQ(writer_->stats().waiting.get(), 0U);
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, TheLargestRecordFitsAndOneByteMoreDoesNot) {
  start(small_options(64 * 1024, 16 * 1024));
  const std::size_t overhead = [&] {
    const auto message = testing::make_message(next_number_, 0);
    return message.with_input(world_.blocks, [](const CommitInput& input) { return encoded_size(input); });
  }();
  const std::size_t largest = writer_->payload_bytes_max() - overhead;
  const PendingCommit& fits = commit(largest);
  const PendingCommit& too_large = commit(largest + 1);
  EXPECT_TRUE(too_large.done());
  EXPECT_EQ(too_large.outcome().error().code, Errc::too_large);
  world_.settle();
  EXPECT_TRUE(fits.ok());
  EXPECT_EQ(writer_->stats().refused.get(), 1U);
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, GoesThroughManySegments) {
  start();
  for (int i = 0; i < 400; ++i) {
    commit(500 + static_cast<std::size_t>(i) * 7 % 3000);
    if (i % 7 == 0) world_.settle();
  }
  world_.settle();
  EXPECT_GT(writer_->stats().rotations.get(), 10U);
  stop();
  expect_stored_exactly_the_acknowledged();
  EXPECT_TRUE(world_.reporter.seen.empty());
}

TEST_F(SegmentWriterTest, StopFinishesWhatIsUnderWayAndSealsIt) {
  start(small_options(1 << 20, 8192));
  for (int i = 0; i < 30; ++i) commit(1000);
  stop();
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, AfterStopCommitsAreRefused) {
  start();
  world_.run(writer_->stop());
  EXPECT_EQ(commit().outcome().error().code, Errc::stopped);
  world_.writer = nullptr;
  writer_.reset();
}

TEST_F(SegmentWriterTest, ARestartNeverAppends) {
  start();
  commit();
  world_.settle();
  const std::uint64_t first = commits_.back().outcome()->key.segment.number;
  stop();
  start();
  commit();
  world_.settle();
  EXPECT_GT(commits_.back().outcome()->key.segment.number, first);
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, PreallocatesWhatItIsTold) {
  WriterOptions options = small_options();
  options.preallocate_bytes = 5 * options.segment_bytes - 1;
  start(options);
  EXPECT_GE(writer_->stats().segments_free.get() + writer_->stats().segments_in_use.get(), 5U);
  EXPECT_GE(writer_->reusable_bytes(), 3 * options.segment_bytes);
}

TEST_F(SegmentWriterTest, AnUnusedSegmentGoesBackAtStop) {
  start();
  stop();
  EXPECT_TRUE(stored().empty());
  const auto used = world_.run(SegmentDirectory(world_.files, "spool/07").list());
  ASSERT_TRUE(used);
  EXPECT_TRUE(used->empty());
  const auto free = world_.run(SegmentDirectory(world_.files, "spool/07").list_free());
  ASSERT_TRUE(free);
  EXPECT_EQ(free->size(), 2U);
}

// ---- failed writes ----

struct FailedWrite {
  const char* name;
  FakeFault fault;
};

class FailedWriteTest : public SegmentWriterTest, public ::testing::WithParamInterface<FailedWrite> {};

// Whether none, a part or all of it reached the disk: everyone in the batch is in doubt, nobody else is, and the batch is not
// found later, because the next header says where the segment ended.
TEST_P(FailedWriteTest, PutsItsBatchInDoubtAndAbandonsTheSegment) {
  start(small_options(1 << 20, 8192));
  for (int i = 0; i < 4; ++i) commit();
  world_.settle();
  world_.files.inject(GetParam().fault);
  for (int i = 0; i < 30; ++i) commit(1000);  // several batches: the first fails
  world_.settle();
  const std::size_t doubtful = count(Errc::in_doubt);
  EXPECT_GE(doubtful, 5U);
  EXPECT_LT(doubtful, 10U);
  EXPECT_EQ(writer_->stats().in_doubt.get(), doubtful);
  EXPECT_EQ(writer_->stats().abandoned.get(), 1U);
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok() || c.outcome().error().code == Errc::in_doubt);
  commit();
  stop();
  expect_stored_exactly_the_acknowledged();
  // Nor after a recovery.
  start();
  stop();
  expect_stored_exactly_the_acknowledged();
}

// The abandoned segment's own seal is lost too; the note in the next header is enough.
TEST_P(FailedWriteTest, IsNotedInTheNextHeader) {
  start(small_options(1 << 20, 8192));
  commit();
  world_.settle();
  const SegmentKey failed = commits_.back().outcome()->key.segment;
  world_.files.inject(GetParam().fault);
  world_.files.inject({.op = FakeOp::write_durable, .path_contains = segment_name(failed.number), .count = 1000});
  commit();
  world_.settle();
  EXPECT_EQ(count(Errc::in_doubt), 1U);
  commit();
  world_.settle();
  EXPECT_TRUE(commits_.back().ok());
  const auto listed = world_.run(SegmentDirectory(world_.files, "spool/07").list());
  ASSERT_TRUE(listed);
  const auto& info = listed->front();
  ASSERT_EQ(info.header.key, failed);
  EXPECT_FALSE(info.seal);
  EXPECT_TRUE(final_end(info, *listed));
  // The segment that holds the note may not go before the one it speaks for.
  world_.files.clear_faults();
  const SegmentKey noting = commits_.back().outcome()->key.segment;
  stop();
  const SegmentDirectory directory(world_.files, "spool/07");
  EXPECT_EQ(world_.run(directory.hand_back(noting)).error().code, Errc::busy);
  EXPECT_TRUE(world_.run(directory.hand_back(failed)));
  EXPECT_TRUE(world_.run(directory.hand_back(noting)));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FailedWriteTest,
    ::testing::Values(FailedWrite{"Nothing", {.op = FakeOp::write_durable}},
                      FailedWrite{"Part", {.op = FakeOp::write_durable, .effective = 4096}},
                      FailedWrite{"All", {.op = FakeOp::write_durable, .effective = 1 << 20}},
                      FailedWrite{"Short", {.op = FakeOp::write_durable, .is_short = true, .transferred = 0, .effective = 0}},
                      FailedWrite{"ShortButAll",
                                  {.op = FakeOp::write_durable, .is_short = true, .transferred = 512, .effective = 1 << 20}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(SegmentWriterTest, AFailureWhileTheNextSegmentIsAlreadyBegunLosesNothingElse) {
  start(small_options(32 * 1024, 8192));
  world_.settle();
  // A segment holds three batches: while the third is in flight, the filling one belongs to the next segment.
  world_.files.inject({.op = FakeOp::write_durable, .skip = 2, .effective = 1 << 20});
  for (int i = 0; i < 60; ++i) commit(1500);
  world_.settle();
  EXPECT_GT(count(Errc::in_doubt), 0U);
  EXPECT_EQ(writer_->stats().abandoned.get(), 1U);
  stop();
  expect_stored_exactly_the_acknowledged();
}

// Wherever one write fails, of a batch, a header or a seal.
TEST_F(SegmentWriterTest, AnySingleFailedWriteLosesNothingElse) {
  for (std::uint64_t skip = 0; skip < 60; ++skip) {
    for (const bool landed : {false, true}) {
      world_.files.clear_faults();
      POSTERN_CHECK(world_.make_directory("spool"));
      start(small_options(32 * 1024, 8192));
      world_.files.inject({.op = FakeOp::write_durable, .skip = skip, .effective = landed ? 1U << 20 : 0U});
      for (int i = 0; i < 80; ++i) {
        commit(1200);
        if (i % 5 == 0) world_.settle();
      }
      world_.settle();
      for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok() || c.outcome().error().code == Errc::in_doubt);
      stop();
      // What failed may have been the last seal.
      world_.files.clear_faults();
      start();
      stop();
      expect_stored_exactly_the_acknowledged();
      // Empty again for the next round.
      commits_.clear();
      const SegmentDirectory directory(world_.files, "spool/07");
      const auto listed = world_.run(directory.list());
      ASSERT_TRUE(listed);
      for (const SegmentInfo& info : *listed) EXPECT_TRUE(world_.run(directory.hand_back(info.header.key)));
      EXPECT_TRUE(stored().empty());
    }
  }
}

TEST_F(SegmentWriterTest, ManyFailuresInARowAreAllNoted) {
  start(small_options(32 * 1024, 8192));
  for (int round = 0; round < 20; ++round) {
    commit();
    world_.settle();
    world_.files.inject({.op = FakeOp::write_durable, .effective = 1U << 20});
    commit();
    world_.settle();
    world_.scheduler.advance_ms(1500);
  }
  world_.settle();
  EXPECT_GT(count(Errc::in_doubt), 0U);
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, ADeadDiskFailsCommitsAndALiveOneTakesThemAgain) {
  start(small_options(32 * 1024, 8192));
  commit();
  world_.settle();
  world_.files.inject({.op = FakeOp::write_durable, .count = 100'000});
  world_.files.inject({.op = FakeOp::fill, .count = 100'000});
  for (int i = 0; i < 5; ++i) {
    const PendingCommit& c = commit();
    world_.settle();
    world_.scheduler.advance_ms(100);
    world_.settle();
    ASSERT_TRUE(c.done());
    EXPECT_FALSE(c.ok());
  }
  world_.files.clear_faults();
  world_.scheduler.advance_ms(3000);
  world_.settle();
  EXPECT_TRUE(([&] {
    commit();
    world_.settle();
    return commits_.back().ok();
  })());
  stop();
  expect_stored_exactly_the_acknowledged();
}

// ---- full disks and late segments ----

TEST_F(SegmentWriterTest, WaitsWhileTheNextSegmentIsPrepared) {
  start(small_options(32 * 1024, 8192));
  world_.files.hold(FakeOp::fill);
  std::vector<const PendingCommit*> waiting;
  for (int i = 0; i < 200; ++i) commit(1000);
  world_.settle();
  EXPECT_GT(writer_->stats().waiting.get(), 0U);
  world_.files.let_go();
  world_.settle();
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, AFullDiskRefusesAndStoresNothing) {
  start(small_options(32 * 1024, 8192));
  world_.settle();
  world_.files.set_capacity(0);
  for (int i = 0; i < 200; ++i) {
    commit(1000);
    world_.settle();
  }
  EXPECT_GT(count(Errc::disk_full), 100U);
  EXPECT_EQ(count(Errc::in_doubt), 0U);
  world_.files.set_capacity(1 << 30);
  world_.scheduler.advance_ms(1100);
  const PendingCommit& again = commit();
  world_.settle();
  EXPECT_TRUE(again.ok());
  stop();
  expect_stored_exactly_the_acknowledged();
}

// A directory that cannot be synced leaves no segment behind that nobody writes to and nobody hands back.
TEST_F(SegmentWriterTest, ASegmentThatIsNotPutToUseGoesBack) {
  start(small_options(32 * 1024, 8192));
  world_.settle();
  for (int round = 0; round < 4; ++round) {
    world_.files.inject({.op = FakeOp::sync_directory, .count = 3});
    for (int i = 0; i < 20; ++i) {
      commit(3000);
      world_.settle();
    }
    world_.scheduler.advance_ms(1100);
    world_.settle();
  }
  world_.files.clear_faults();
  commit();
  world_.settle();
  stop();
  const auto used = world_.run(SegmentDirectory(world_.files, "spool/07").list());
  ASSERT_TRUE(used);
  EXPECT_GT(used->size(), 1U);
  for (const SegmentInfo& info : *used) EXPECT_TRUE(info.seal) << info.path;
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, AnOutageEndsWhileTheSegmentStillHasRoom) {
  start(small_options(256 * 1024, 8192));
  world_.files.hold(FakeOp::fill);
  world_.settle();
  world_.files.set_capacity(0);
  world_.files.let_go();
  world_.settle();  // the second segment could not be made
  commit();
  world_.settle();
  world_.files.set_capacity(1 << 30);
  world_.scheduler.advance_ms(1100);
  commit();
  world_.settle();
  EXPECT_EQ(writer_->stats().segments_in_use.get(), 2U);
  for (int i = 0; i < 300; ++i) commit(1500);
  world_.settle();
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());
  stop();
  expect_stored_exactly_the_acknowledged();
}

// ---- the doorbell ----

class DoorbellOrderTest : public SegmentWriterTest {
 protected:
  DoorbellOrderTest() : bell_(Doorbell::create(1)), publisher_(bell_->publisher(0)), subscriber_(bell_->subscriber(0)) {}
  DurablePosition published() {
    const auto read = subscriber_.read();
    POSTERN_CHECK(read.has_value() && read->has_value());
    return **read;
  }
  Result<Doorbell> bell_;
  Publisher publisher_;
  Subscriber subscriber_;
};

TEST_F(DoorbellOrderTest, ShowsWhatIsDurableAndNoMore) {
  start(small_options(), &publisher_);
  EXPECT_EQ(published().offset, kFirstBatchOffset);
  world_.files.hold(FakeOp::write_durable);
  commit();
  world_.settle();
  EXPECT_EQ(published().offset, kFirstBatchOffset);
  world_.files.let_go();
  world_.settle();
  const DurablePosition after = published();
  EXPECT_EQ(after.offset, kFirstBatchOffset + kBlockBytes);
  EXPECT_EQ(read_directory(world_, "spool/07", after).size(), 1U);
}

TEST_F(DoorbellOrderTest, ASegmentIsShownOnlyWhenTheEndOfTheOneBeforeIsOnTheDisk) {
  start(small_options(32 * 1024, 8192), &publisher_);
  world_.settle();
  const SegmentKey first = published().segment;
  world_.files.hold_at(kSealOffset);
  while (writer_->stats().rotations.get() == 0) {
    commit(1000);
    world_.settle();
  }
  commit(1000);
  world_.settle();
  // Acknowledged from the second segment, and not shown.
  EXPECT_TRUE(commits_.back().ok());
  EXPECT_NE(commits_.back().outcome()->key.segment, first);
  EXPECT_EQ(published().segment, first);
  world_.files.let_go();
  world_.settle();
  EXPECT_EQ(published().segment, commits_.back().outcome()->key.segment);
}

TEST_F(DoorbellOrderTest, ASealThatFailsIsNotedBeforeAnythingLaterIsShown) {
  start(small_options(32 * 1024, 8192), &publisher_);
  world_.settle();
  const SegmentKey first = published().segment;
  world_.files.inject({.op = FakeOp::write_durable, .path_contains = segment_name(first.number), .offset = kSealOffset});
  world_.files.hold_at(kSealOffset);
  while (writer_->stats().rotations.get() == 0) {
    commit(1000);
    world_.settle();
  }
  // The seal fails while a batch of the second segment is in flight, and no third one can be prepared yet.
  const std::uint64_t next_batch = commits_.back().outcome()->key.offset - sizeof(DiskBatchHeader) + kBlockBytes;
  world_.files.hold_at(next_batch);
  commit(1000);
  world_.settle();
  world_.files.hold(FakeOp::list);
  world_.files.let_go_at(kSealOffset);
  world_.settle();
  world_.files.let_go_at(next_batch);
  world_.settle();
  EXPECT_TRUE(commits_.back().ok());
  EXPECT_EQ(published().segment, first);
  world_.files.let_go();
  world_.settle();
  commit(1000);
  world_.settle();
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());  // nothing was in doubt
  EXPECT_GT(published().segment.number, first.number + 1);
  const auto listed = world_.run(SegmentDirectory(world_.files, "spool/07").list());
  ASSERT_TRUE(listed);
  for (const SegmentInfo& info : *listed) {
    if (info.header.key.number < published().segment.number) {
      EXPECT_TRUE(final_end(info, *listed)) << info.path;
    }
  }
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(DoorbellOrderTest, NeverPassesABatchInDoubt) {
  start(small_options(), &publisher_);
  commit();
  world_.settle();
  const DurablePosition before = published();
  world_.files.inject({.op = FakeOp::write_durable, .effective = 1 << 20});
  commit();
  world_.settle();
  EXPECT_EQ(count(Errc::in_doubt), 1U);
  const DurablePosition after = published();
  EXPECT_GT(after.segment.number, before.segment.number);
  const auto listed = world_.run(SegmentDirectory(world_.files, "spool/07").list());
  ASSERT_TRUE(listed);
  EXPECT_EQ(final_end(listed->front(), *listed), before.offset);
}

// ---- recycling ----

TEST_F(SegmentWriterTest, ReusesWhatIsHandedBackAndFillsNothingNew) {
  start(small_options(32 * 1024, 8192));
  const SegmentDirectory directory(world_.files, "spool/07");
  std::uint64_t used_at_most = 0;
  for (int i = 0; i < 300; ++i) {
    commit(1500);
    world_.settle();
    const auto listed = world_.run(directory.list());
    ASSERT_TRUE(listed);
    used_at_most = std::max<std::uint64_t>(used_at_most, listed->size());
    for (const SegmentInfo& info : *listed) {
      if (info.seal) {
        EXPECT_TRUE(world_.run(directory.hand_back(info.header.key)));
      }
    }
  }
  EXPECT_GT(writer_->stats().rotations.get(), 20U);
  EXPECT_LE(used_at_most, 4U);
  const auto free = world_.run(directory.list_free());
  ASSERT_TRUE(free);
  EXPECT_LE(free->size(), 3U);
  for (const PendingCommit& c : commits_) EXPECT_TRUE(c.ok());
}

TEST_F(SegmentWriterTest, RefusesToTakeItsOwnSegmentsFromFree) {
  start(small_options(32 * 1024, 8192));
  commit();
  world_.settle();
  const std::uint64_t current = commits_.back().outcome()->key.segment.number;
  const std::string name = segment_name(current);
  // A reader gone mad moves the segment that is being written.
  ASSERT_TRUE(world_.run(world_.files.rename("spool/07/" + name, "spool/07/free/" + name)));
  while (writer_->stats().rotations.get() == 0) {
    commit(1500);
    world_.settle();
  }
  ASSERT_TRUE(world_.run(world_.files.rename("spool/07/free/" + name, "spool/07/" + name)));
  stop();
  expect_stored_exactly_the_acknowledged();
}

TEST_F(SegmentWriterTest, TidyKeepsFreeWithinItsBounds) {
  WriterOptions options = small_options(32 * 1024, 8192);
  options.free_segments_max = 3;
  start(options);
  for (int i = 0; i < 300; ++i) commit(1500);
  world_.settle();
  const SegmentDirectory directory(world_.files, "spool/07");
  const auto listed = world_.run(directory.list());
  ASSERT_TRUE(listed);
  for (const SegmentInfo& info : *listed)
    if (info.seal) EXPECT_TRUE(world_.run(directory.hand_back(info.header.key)));
  world_.run(writer_->tidy());
  EXPECT_EQ(world_.run(directory.list_free())->size(), 3U);
  EXPECT_EQ(writer_->stats().segments_free.get(), 3U);
}

// ---- cost ----

// As the shard's loop keeps it: what is ready stands in a vector whose room stays.
class FlatScheduler final : public Scheduler {
 public:
  explicit FlatScheduler(Scheduler& clock) : clock_(clock) { set_current(this); }
  ~FlatScheduler() override { set_current(&clock_); }
  void schedule(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  [[nodiscard]] Instant now() const override { return clock_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  void arm(Timer& timer, Instant when) override { clock_.arm(timer, when); }
  void disarm(Timer& timer) noexcept override { clock_.disarm(timer); }
  void run() {
    while (!ready_.empty()) {
      std::swap(ready_, running_);
      for (const std::coroutine_handle<> handle : running_) handle.resume();
      running_.clear();
    }
  }

 private:
  Scheduler& clock_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
};

Task<void> commit_again_and_again(testing::World& world, SegmentWriter& writer, int count, std::uint64_t& failures) {
  const testing::TestMessage message = testing::make_message(1, 2000);
  const Chain content = message.make_chain(world.blocks, 3);
  const CommitInput input{.id = message.id, .sender = PeerView(std::string_view(message.sender)), .content = &content};
  for (int i = 0; i < count; ++i)
    if (!(co_await writer.commit(input)).has_value()) ++failures;
}

TEST_F(SegmentWriterTest, CommitsAllocateNothing) {
  start(small_options(4 << 20, 256 * 1024));
  world_.settle();
  FlatScheduler scheduler(world_.scheduler);
  Gate gate;
  std::uint64_t failures = 0;
  for (int session = 0; session < 10; ++session) gate.start(commit_again_and_again(world_, *writer_, 60, failures));
  const auto turn = [&] {
    scheduler.run();
    writer_->flush();
  };
  for (int i = 0; i < 10; ++i) turn();  // warm: queues have their room
  const std::uint64_t commits = writer_->stats().commits.get();
  const postern::testing::AllocationCount count;
  while (writer_->stats().commits.get() < 590) turn();
  EXPECT_EQ(count.so_far(), 0U);
  EXPECT_GT(writer_->stats().commits.get(), commits + 300);
  while (gate.inside() > 0) turn();
  EXPECT_EQ(failures, 0U);
}

}  // namespace
}  // namespace postern::spool
