#include "appliance/spool/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "appliance/spool/batch_buffer.h"
#include "appliance/spool/spool_testing.h"
#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

using testing::FoundRecord;
using testing::PendingCommit;
using testing::SeenDamage;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() { POSTERN_CHECK(world_.make_directory("spool")); }

  // Writes batches, then the process dies: nothing is sealed.
  void write_and_die(const std::vector<std::vector<std::size_t>>& batches) {
    SegmentWriter writer(world_.files, "spool/07", testing::small_options(256 * 1024, 64 * 1024), world_.random,
                         world_.reporter);
    world_.writer = &writer;
    POSTERN_CHECK(world_.run(writer.start()).has_value());
    for (const auto& sizes : batches) {
      for (const std::size_t size : sizes)
        commits_.emplace_back(world_, writer, testing::make_message(static_cast<std::uint32_t>(commits_.size()), size));
      world_.settle();
    }
    die(writer);
  }
  void die(SegmentWriter& writer) {
    world_.files.cut_power();
    world_.run(writer.stop());
    world_.writer = nullptr;
    world_.files.restart(FakeFileSystem::Survival::all);
  }
  Result<void> recover() {
    report_ = {};
    world_.reporter.seen.clear();
    return world_.run(recover_directory(world_.files, "spool/07", world_.reporter, report_));
  }
  std::vector<FoundRecord> stored() { return read_directory(world_, "spool/07"); }
  std::vector<std::size_t> numbers() {
    std::vector<std::size_t> numbers;
    for (const FoundRecord& record : stored()) numbers.push_back(record.id.parts().counter);
    return numbers;
  }
  std::string path_of(std::size_t index) const {
    return "spool/07/" + segment_name(commits_[index].outcome()->key.segment.number);
  }
  std::uint64_t offset_of(std::size_t index) const { return commits_[index].outcome()->key.offset; }
  std::uint64_t batch_of(std::size_t first_index) const { return offset_of(first_index) - sizeof(DiskBatchHeader); }
  std::span<std::byte> block(std::size_t commit, std::uint64_t offset) {
    return world_.files.bytes(path_of(commit)).subspan(offset, kBlockBytes);
  }
  void lose(std::span<std::byte> bytes) { std::ranges::fill(bytes, std::byte{0}); }

  testing::World world_;
  std::deque<PendingCommit> commits_;
  RecoveryReport report_;
};

TEST_F(RecoveryTest, AMissingOrEmptyDirectoryIsFine) {
  EXPECT_TRUE(recover());
  ASSERT_TRUE(world_.make_directory("spool/07"));
  EXPECT_TRUE(recover());
  EXPECT_EQ(report_.segments, 0U);
}

TEST_F(RecoveryTest, SealsAtTheLastGoodBatch) {
  write_and_die({{100, 200}, {5000}, {300}});
  EXPECT_TRUE(stored().empty());
  ASSERT_TRUE(recover());
  EXPECT_EQ(numbers(), (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(report_.segments, 2U);  // the other one was prepared and never written
  EXPECT_EQ(report_.sealed, 2U);
  EXPECT_EQ(report_.emptied, 1U);
  EXPECT_EQ(report_.records, 4U);
  EXPECT_EQ(report_.unconfirmed_records, 1U);
  EXPECT_EQ(report_.torn_bytes, 0U);
  EXPECT_TRUE(world_.reporter.seen.empty());
  // A second time nothing is left to do.
  ASSERT_TRUE(recover());
  EXPECT_EQ(report_.sealed, 0U);
  EXPECT_EQ(numbers().size(), 4U);
}

TEST_F(RecoveryTest, ATornLastBatchIsTheEnd) {
  for (std::uint64_t lost = 0; lost < 3; ++lost) {
    commits_.clear();
    write_and_die({{100}, {4000, 5000}});
    lose(block(1, batch_of(1) + lost * kBlockBytes));
    ASSERT_TRUE(recover());
    EXPECT_EQ(report_.records, 1U);
    EXPECT_EQ(report_.torn_bytes, lost == 0 ? 0U : 3 * kBlockBytes);  // without its header nobody knows
    EXPECT_TRUE(world_.reporter.seen.empty());
    const auto found = stored();
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.back().key, commits_[0].outcome()->key);
  }
}

TEST_F(RecoveryTest, ABadBatchBeforeAGoodOneIsDamage) {
  for (std::uint64_t lost = 0; lost < 3; ++lost) {
    commits_.clear();
    write_and_die({{100}, {4000, 5000}, {200}});
    lose(block(1, batch_of(1) + lost * kBlockBytes));
    ASSERT_TRUE(recover());
    EXPECT_EQ(report_.damaged_bytes, 3 * kBlockBytes);
    EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::batch, batch_of(1), 3 * kBlockBytes}}));
    const auto found = stored();
    EXPECT_EQ(found.back().key, commits_[3].outcome()->key);
  }
}

TEST_F(RecoveryTest, ANewerFormatIsRefusedByNameAndNothingIsTouched) {
  write_and_die({{100}});
  const std::string path = path_of(0);
  auto disk = load_le<DiskHeaderBlock>(world_.files.bytes(path).data());
  disk.version = 7;
  disk.crc = crc32c(0, std::as_bytes(std::span(&disk, 1)).first(offsetof(DiskHeaderBlock, crc)));
  store_le(world_.files.bytes(path).data(), disk);
  const std::uint64_t changes = world_.files.changes();
  const auto recovered = recover();
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, Errc::unsupported);
  EXPECT_EQ(report_.refused_path, path);
  EXPECT_EQ(report_.refused_version, 7U);
  EXPECT_EQ(world_.files.changes(), changes);
}

TEST_F(RecoveryTest, AHeaderThatDoesNotReadIsSetAside) {
  write_and_die({{100}});
  const std::string path = path_of(0);
  world_.files.bytes(path)[9] ^= std::byte{1};
  ASSERT_TRUE(recover());
  EXPECT_EQ(report_.unreadable, 1U);
  EXPECT_EQ(world_.reporter.seen, (std::vector<SeenDamage>{{DamageKind::header, 0, 256 * 1024}}));
  EXPECT_FALSE(world_.files.exists(path));
  EXPECT_TRUE(world_.files.exists(path.substr(0, path.size() - 3) + "damaged"));
  EXPECT_TRUE(stored().empty());
}

TEST_F(RecoveryTest, NumbersAreNeverUsedAgain) {
  std::uint64_t highest = 0;
  for (int round = 0; round < 4; ++round) {
    commits_.clear();
    write_and_die({{100}});
    EXPECT_GT(commits_[0].outcome()->key.segment.number, highest);
    ASSERT_TRUE(recover());
    EXPECT_GE(report_.highest_number, commits_[0].outcome()->key.segment.number);
    highest = report_.highest_number;
    // Also when everything has been handed back.
    EXPECT_TRUE(world_.run(SegmentDirectory(world_.files, "spool/07").hand_back(commits_[0].outcome()->key.segment)));
  }
}

// A failed write whose bytes landed all the same: with the note it is never found, without it a recovery takes it for good and
// says so.
TEST_F(RecoveryTest, ANoteCutsOffWhatWasInDoubt) {
  for (const bool noted : {true, false}) {
    commits_.clear();
    SegmentWriter writer(world_.files, "spool/07", testing::small_options(256 * 1024, 64 * 1024), world_.random,
                         world_.reporter);
    world_.writer = &writer;
    ASSERT_TRUE(world_.run(writer.start()));
    commits_.emplace_back(world_, writer, testing::make_message(0, 100));
    world_.settle();
    const std::string path = path_of(0);
    world_.files.inject({.op = FakeOp::write_durable, .effective = 1 << 20});
    // Neither its own seal nor, in the second case, any new header reaches the disk.
    world_.files.inject({.op = FakeOp::write_durable, .path_contains = path.substr(path.rfind('/') + 1), .count = 1000});
    if (!noted) world_.files.inject({.op = FakeOp::write_durable, .count = 1000});
    if (!noted) world_.files.inject({.op = FakeOp::fill, .count = 1000});
    commits_.emplace_back(world_, writer, testing::make_message(1, 100));
    world_.settle();
    EXPECT_EQ(commits_[1].outcome().error().code, Errc::in_doubt);
    die(writer);
    ASSERT_TRUE(recover());
    const auto found = testing::read_segment(world_, path, commits_[0].outcome()->key.segment,
                                             world_.run(read_segment_info(world_.files, path))->seal.value().end);
    EXPECT_EQ(found.size(), noted ? 1U : 2U);
    EXPECT_EQ(report_.unconfirmed_records, noted ? 0U : 1U);
  }
}

TEST_F(RecoveryTest, DyingDuringRecoveryIsHarmless) {
  write_and_die({{100, 200}, {5000}});
  const std::uint64_t before = world_.files.changes();
  for (std::uint64_t step = 0; step < 8; ++step) {
    world_.files.cut_power_after(world_.files.changes() + step);
    static_cast<void>(recover().has_value());
    if (world_.files.has_power()) world_.files.cut_power();
    world_.files.restart(FakeFileSystem::Survival::random, &world_.random);
  }
  EXPECT_GT(world_.files.changes(), before);
  ASSERT_TRUE(recover());
  EXPECT_EQ(numbers(), (std::vector<std::size_t>{0, 1, 2}));
}

// ---- recycled files ----

// Every block of the file holds what was there in an earlier use, batches and records complete with good checksums.
TEST_F(RecoveryTest, BytesOfAnEarlierUseAreNotFound) {
  write_and_die({{100}, {5000}, {200}, {300}});
  ASSERT_TRUE(recover());
  const SegmentKey old = commits_[0].outcome()->key.segment;
  ASSERT_TRUE(world_.run(SegmentDirectory(world_.files, "spool/07").hand_back(old)));
  // Reuse until the new use lies in the old file.
  bool reused = false;
  for (int round = 0; round < 6 && !reused; ++round) {
    const std::size_t first = commits_.size();
    write_and_die({{50}});
    const auto bytes = world_.files.bytes(path_of(first));
    // The third batch of the old use is still there, byte for byte.
    const auto at = bytes.subspan(batch_of(2), sizeof(DiskBatchHeader));
    reused = load_le<DiskBatchHeader>(at.data()).incarnation == old.incarnation;
    ASSERT_TRUE(recover());
    EXPECT_EQ(report_.records, 1U);
    EXPECT_EQ(report_.torn_bytes + report_.damaged_bytes, 0U);
  }
  EXPECT_TRUE(reused);
}

// What a sender could do at best: fill a segment with blocks that look like batches, records and seals of the next use. It
// knows the format, every offset and number, and not the incarnation.
TEST_F(RecoveryTest, BytesChosenToLookLikeRecordsAreNotFound) {
  write_and_die({{100}});
  const std::string path = path_of(0);
  const auto file = world_.files.bytes(path);
  const HeaderParse real = parse_header(file.first<kBlockBytes>());
  SegmentHeader guess = real.header;
  guess.key.incarnation = 0x6a09e667f3bcc908;
  const testing::TestMessage forged = testing::make_message(999, 500);
  for (std::uint64_t offset = kFirstBatchOffset + kBlockBytes; offset < file.size(); offset += kBlockBytes) {
    BatchBuffer batch(kBlockBytes);
    OpenSegment segment;
    segment.header = guess;
    segment.seed = crc_seed(guess.key.incarnation);
    segment.next_offset = offset;
    batch.begin(segment);
    forged.with_input(world_.blocks, [&](const CommitInput& input) { return batch.append(input, encoded_size(input)); });
    const auto bytes = batch.finish(static_cast<std::uint32_t>(offset / kBlockBytes));
    std::memcpy(file.data() + offset, bytes.data(), bytes.size());
    // The incarnation itself may be copied, as by somebody who read the file: the checksum begins with it.
    if (offset % (2 * kBlockBytes) == 0)
      store_le(file.data() + offset + offsetof(DiskBatchHeader, incarnation), real.header.key.incarnation);
  }
  encode_seal({.key = guess.key, .end = file.size()}, file.subspan<kSealOffset, kBlockBytes>());
  ASSERT_TRUE(recover());
  EXPECT_EQ(numbers(), (std::vector<std::size_t>{0}));
  EXPECT_TRUE(world_.reporter.seen.empty());
}

// A message whose content is a whole segment, at every alignment.
TEST_F(RecoveryTest, AMessageThatContainsASegmentIsOneMessage) {
  write_and_die({{100}, {3000}});
  std::string segment(reinterpret_cast<const char*>(world_.files.bytes(path_of(0)).data()), 32 * 1024);
  ASSERT_TRUE(recover());
  for (const std::size_t shift : {0, 1, 8, 4032, 4095}) {
    const std::size_t before = stored().size();
    SegmentWriter writer(world_.files, "spool/07", testing::small_options(256 * 1024, 64 * 1024), world_.random,
                         world_.reporter);
    world_.writer = &writer;
    ASSERT_TRUE(world_.run(writer.start()));
    testing::TestMessage message = testing::make_message(500, 0);
    message.content = std::string(shift, 'x') + segment;
    commits_.emplace_back(world_, writer, message);
    world_.settle();
    ASSERT_TRUE(commits_.back().ok());
    die(writer);
    ASSERT_TRUE(recover());
    const auto found = stored();
    ASSERT_EQ(found.size(), before + 1);
    EXPECT_EQ(found.back().content, message.content);
    EXPECT_TRUE(world_.reporter.seen.empty());
  }
}

// ---- beside a reader ----

TEST_F(RecoveryTest, AReaderMayHandBackMeanwhile) {
  write_and_die({{100}});
  ASSERT_TRUE(recover());
  const SegmentKey done = commits_[0].outcome()->key.segment;
  const SegmentDirectory directory(world_.files, "spool/07");
  // Between the listing and the opening of the file.
  for (std::size_t at = 1; at < 12; ++at) {
    std::optional<Result<void>> recovered;
    std::optional<Result<void>> handed;
    RecoveryReport report;
    Gate gate;
    world_.files.set_reorder(&world_.random);
    gate.start(testing::keep_result(recover_directory(world_.files, "spool/07", world_.reporter, report), recovered));
    gate.start(testing::keep_result(directory.hand_back(done), handed));
    world_.settle();
    ASSERT_TRUE(recovered && *recovered);
    ASSERT_TRUE(handed);
    const std::string name = segment_name(done.number);
    if (world_.files.exists("spool/07/free/" + name)) {
      ASSERT_TRUE(world_.run(world_.files.rename("spool/07/free/" + name, "spool/07/" + name)));
    }
  }
}

}  // namespace
}  // namespace postern::spool
