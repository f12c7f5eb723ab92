#include "appliance/spool/reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "appliance/spool/spool_testing.h"

namespace postern::spool {
namespace {

using testing::FoundRecord;
using testing::PendingCommit;
using testing::SeenDamage;

// One segment with batches of chosen sizes.
class SegmentReaderTest : public ::testing::Test {
 protected:
  SegmentReaderTest() { POSTERN_CHECK(world_.make_directory("spool")); }

  // Each inner list is one batch of records with contents of those sizes.
  void write(const std::vector<std::vector<std::size_t>>& batches, std::uint64_t segment_bytes = 4 << 20) {
    writer_.emplace(world_.files, "spool/07", testing::small_options(segment_bytes, 1 << 20), world_.random, world_.reporter);
    world_.writer = &*writer_;
    ASSERT_TRUE(world_.run(writer_->start()));
    for (const auto& sizes : batches) {
      for (const std::size_t size : sizes)
        commits_.emplace_back(world_, *writer_, testing::make_message(static_cast<std::uint32_t>(commits_.size()), size));
      world_.settle();
    }
    world_.run(writer_->stop());
    world_.writer = nullptr;
    const auto listed = world_.run(SegmentDirectory(world_.files, "spool/07").list());
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    info_ = listed->front();
    end_ = info_.seal.value().end;
  }
  std::unique_ptr<SegmentReader> open() {
    auto reader = world_.run(SegmentReader::open(world_.files, info_.path, info_.header.key, world_.pool, world_.reporter));
    POSTERN_CHECK(reader.has_value());
    return std::move(*reader);
  }
  std::vector<FoundRecord> read_all() { return testing::read_segment(world_, info_.path, info_.header.key, end_); }
  void flip(std::uint64_t offset) { world_.files.bytes(info_.path)[offset] ^= std::byte{0x40}; }
  std::uint64_t offset_of(std::size_t index) const { return commits_[index].outcome()->key.offset; }
  std::vector<std::size_t> numbers(const std::vector<FoundRecord>& found) {
    std::vector<std::size_t> numbers;
    numbers.reserve(found.size());
    for (const FoundRecord& record : found) numbers.push_back(record.id.parts().counter);
    return numbers;
  }

  testing::World world_;
  std::deque<PendingCommit> commits_;
  std::optional<SegmentWriter> writer_;
  SegmentInfo info_;
  std::uint64_t end_ = 0;
};

TEST_F(SegmentReaderTest, ReadsEverySizeOfRecordAndBatch) {
  // Within a chunk, across chunks, larger than a chunk.
  write({{10}, {0, 1, 2, 3}, {4000, 4100}, {100'000, 150'000}, {700'000}, {5}, {262'144 - 400}, {300'000, 10}, {20}});
  const auto found = read_all();
  ASSERT_EQ(found.size(), commits_.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].key, commits_[i].outcome()->key);
    EXPECT_EQ(found[i].content, commits_[i].message().content);
  }
  EXPECT_TRUE(world_.reporter.seen.empty());
  EXPECT_EQ(world_.pool.used_bytes(), 0U);
}

TEST_F(SegmentReaderTest, FollowsALimitThatGrows) {
  write({{10}, {2000, 3000}, {100}, {9000}, {1, 2, 3}});
  const auto reader = open();
  std::vector<std::size_t> seen;
  for (std::uint64_t limit = kFirstBatchOffset; limit <= end_; limit += kBlockBytes) {
    // Only limits that a writer publishes: ends of batches.
    bool at_end_of_batch = limit == kFirstBatchOffset || limit == end_;
    for (std::size_t i = 1; i < commits_.size(); ++i) at_end_of_batch |= offset_of(i) == limit + sizeof(DiskBatchHeader);
    if (!at_end_of_batch) continue;
    for (;;) {
      while (const auto record = reader->take())
        seen.push_back(parse_message(record->kind, record->bytes())->id.parts().counter);
      const auto more = world_.run(reader->fetch(limit));
      ASSERT_TRUE(more);
      if (!*more) break;
    }
    EXPECT_EQ(reader->position(), limit);
    // Nothing from behind the limit.
    for (const std::size_t number : seen) EXPECT_LT(offset_of(number), limit);
  }
  EXPECT_EQ(seen.size(), commits_.size());
  EXPECT_TRUE(world_.reporter.seen.empty());
}

TEST_F(SegmentReaderTest, ATrickleSharesAChunk) {
  write(std::vector<std::vector<std::size_t>>(40, {100}));
  const auto reader = open();
  std::vector<Record> kept;
  for (std::uint64_t limit = kFirstBatchOffset + kBlockBytes; limit <= end_; limit += kBlockBytes) {
    const auto more = world_.run(reader->fetch(limit));
    ASSERT_TRUE(more && *more);
    while (auto record = reader->take()) kept.push_back(std::move(*record));
  }
  EXPECT_EQ(kept.size(), 40U);
  EXPECT_EQ(world_.pool.used_bytes(), ReadPool::kChunkBytes);
  for (std::size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(parse_message(kept[i].kind, kept[i].bytes())->content, commits_[i].message().content);
}

TEST_F(SegmentReaderTest, RecordsOutliveTheirReader) {
  write({{3000}});
  std::optional<Record> record;
  {
    const auto reader = open();
    ASSERT_TRUE(world_.run(reader->fetch(end_)));
    record = reader->take();
  }
  ASSERT_TRUE(record);
  EXPECT_EQ(parse_message(record->kind, record->bytes())->content, commits_[0].message().content);
}

TEST_F(SegmentReaderTest, ReadsOneRecordAgain) {
  write({{10, 4000, 40'000}, {300'000}, {7}});
  const auto reader = open();
  for (const PendingCommit& commit : commits_) {
    for (const std::uint32_t known : {0U, commit.outcome()->record_bytes}) {
      const auto record = world_.run(reader->read_at(commit.outcome()->key.offset, known));
      ASSERT_TRUE(record);
      EXPECT_EQ(record->key, commit.outcome()->key);
      EXPECT_EQ(record->record_bytes, commit.outcome()->record_bytes);
      const auto view = parse_message(record->kind, record->bytes());
      ASSERT_TRUE(view);
      EXPECT_TRUE(testing::same(*view, commit.message()));
    }
  }
}

TEST_F(SegmentReaderTest, AnOffsetWithoutARecordIsBadFormat) {
  write({{10, 20}});
  const auto reader = open();
  for (const std::uint64_t offset : {std::uint64_t{0}, kFirstBatchOffset, offset_of(0) + 8, end_, info_.header.segment_bytes,
                                     info_.header.segment_bytes - 1, std::uint64_t{UINT64_MAX - 8}}) {
    const auto record = world_.run(reader->read_at(offset));
    ASSERT_FALSE(record) << offset;
    EXPECT_EQ(record.error().code, Errc::bad_format);
  }
  flip(offset_of(0) + 30);
  EXPECT_FALSE(world_.run(reader->read_at(offset_of(0))));
  EXPECT_TRUE(world_.run(reader->read_at(offset_of(1))));
}

TEST_F(SegmentReaderTest, OpensOnlyTheUseItIsAskedFor) {
  write({{10}});
  SegmentKey other = info_.header.key;
  other.incarnation ^= 1;
  const auto opened = world_.run(SegmentReader::open(world_.files, info_.path, other, world_.pool, world_.reporter));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::not_found);
  flip(100);
  const auto damaged =
      world_.run(SegmentReader::open(world_.files, info_.path, info_.header.key, world_.pool, world_.reporter));
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Errc::bad_format);
}

// ---- damage ----

TEST_F(SegmentReaderTest, ADamagedPayloadCostsOneRecord) {
  write({{100, 200, 300}, {400}});
  flip(offset_of(1) + sizeof(DiskRecordHeader) + 50);
  EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0, 2, 3}));
  EXPECT_EQ(world_.reporter.seen,
            (std::vector<SeenDamage>{{DamageKind::record, offset_of(1), commits_[1].outcome()->record_bytes}}));
}

TEST_F(SegmentReaderTest, ADamagedRecordHeaderCostsTheRestOfItsBatch) {
  write({{100, 200, 300}, {400}});
  flip(offset_of(1) + 5);
  EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(world_.reporter.seen,
            (std::vector<SeenDamage>{{DamageKind::records, offset_of(1),
                                      commits_[1].outcome()->record_bytes + commits_[2].outcome()->record_bytes}}));
}

TEST_F(SegmentReaderTest, ADamagedBatchHeaderCostsTheBatch) {
  write({{100}, {5000, 200}, {400}});
  const std::uint64_t batch = offset_of(1) - sizeof(DiskBatchHeader);
  flip(batch + 20);
  EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::batch, batch, 2 * kBlockBytes}}));
}

TEST_F(SegmentReaderTest, ALastBatchDamagedIsReportedUpToTheEnd) {
  write({{100}, {5000}});
  const std::uint64_t batch = offset_of(1) - sizeof(DiskBatchHeader);
  flip(batch);
  EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0}));
  EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::batch, batch, end_ - batch}}));
}

// As recovery has it: what such a batch claims to cover is looked at for itself.
TEST_F(SegmentReaderTest, ABatchWhoseNumberDoesNotGrowIsNone) {
  write({{10}, {20}, {30}});
  const std::uint64_t second = offset_of(1) - sizeof(DiskBatchHeader);
  for (const std::uint32_t number : {0U, 1U}) {
    SCOPED_TRACE(number);
    // It claims the third one, too.
    encode_batch_header(
        {.offset = second, .number = number, .length = static_cast<std::uint32_t>(end_ - second), .record_count = 2},
        info_.header.key.incarnation, world_.files.bytes(info_.path).data() + second);
    world_.reporter.seen.clear();
    EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0, 2}));
    EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::batch, second, kBlockBytes}}));
  }
}

// The file ends before its seal says: a file system that lost blocks.
TEST_F(SegmentReaderTest, AMissingEndIsReported) {
  write({{100}, {5000, 6000}, {50}}, 64 * 1024);
  const std::uint64_t cut = offset_of(1) - sizeof(DiskBatchHeader) + kBlockBytes;
  ASSERT_TRUE(world_.run(world_.files.fill_with_zeros(info_.path, cut)));
  EXPECT_EQ(numbers(read_all()), (std::vector<std::size_t>{0}));
  const std::uint64_t lost = cut - kBlockBytes;
  EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::end, lost, end_ - lost}}));
}

// Whatever single byte rots, every record whose bytes are untouched in a batch whose headers are untouched is read, nothing
// false is, and something is reported.
TEST_F(SegmentReaderTest, AnySingleRottenByteIsContained) {
  write({{10, 500}, {3000, 20}, {60}});
  for (std::uint64_t at = kFirstBatchOffset; at < end_; at += 7) {
    world_.reporter.seen.clear();
    flip(at);
    const auto found = read_all();
    for (const FoundRecord& record : found) {
      const PendingCommit& commit = commits_.at(record.id.parts().counter);
      EXPECT_EQ(record.key, commit.outcome()->key);
      EXPECT_EQ(record.content, commit.message().content);
    }
    // Three batches of at most two records: one byte cannot cost more than one batch.
    EXPECT_GE(found.size(), 3U) << at;
    EXPECT_EQ(found.size() == commits_.size(), world_.reporter.seen.empty()) << at;
    flip(at);
  }
}

TEST_F(SegmentReaderTest, AnErrorOfTheDiskLosesNoPlace) {
  write({{100}, {5000, 6000}, {50}});
  const auto reader = open();
  world_.files.inject({.op = FakeOp::read});
  const auto failed = world_.run(reader->fetch(end_));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::io);
  EXPECT_EQ(reader->position(), kFirstBatchOffset);
  std::size_t seen = 0;
  for (;;) {
    while (reader->take()) ++seen;
    const auto more = world_.run(reader->fetch(end_));
    ASSERT_TRUE(more);
    if (!*more) break;
  }
  EXPECT_EQ(seen, commits_.size());
  EXPECT_TRUE(world_.reporter.seen.empty());
}

TEST_F(SegmentReaderTest, SeekReadsAgain) {
  write({{100}, {5000, 6000}, {50}});
  const auto reader = open();
  for (int round = 0; round < 3; ++round) {
    std::size_t seen = 0;
    for (;;) {
      while (reader->take()) ++seen;
      const auto more = world_.run(reader->fetch(end_));
      ASSERT_TRUE(more);
      if (!*more) break;
    }
    EXPECT_EQ(seen, commits_.size());
    reader->seek(kFirstBatchOffset);
  }
}

TEST(ReadPoolTest, KeepsAFewChunksAndNoLargeOnes) {
  ReadPool pool;
  {
    std::vector<Slice> slices;
    for (int i = 0; i < 8; ++i) {
      Block& block = pool.acquire(1000);
      EXPECT_EQ(block.capacity(), ReadPool::kChunkBytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.bytes()) % kBlockBytes, 0U);
      slices.emplace_back(block, block.bytes(), 1);
    }
    Block& large = pool.acquire(ReadPool::kChunkBytes + 1);
    EXPECT_EQ(large.capacity(), ReadPool::kChunkBytes + kBlockBytes);
    slices.emplace_back(large, large.bytes(), 1);
    EXPECT_EQ(pool.used_bytes(), 9 * ReadPool::kChunkBytes + kBlockBytes);
  }
  EXPECT_EQ(pool.used_bytes(), 0U);
}

}  // namespace
}  // namespace postern::spool
