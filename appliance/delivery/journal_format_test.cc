#include "appliance/delivery/journal_format.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"

namespace postern::delivery {
namespace {

constexpr std::uint64_t kIncarnation = 0x1122334455667788;

JournalRecord record_of(JournalKind kind) {
  JournalRecord record;
  record.kind = kind;
  record.key = {{7, 0xfeedfacecafebeef}, kind == JournalKind::drained ? 0 : 0x123456789aULL};
  if (kind == JournalKind::lost) {
    record.key = {};
    record.flags = 1;
  }
  if (kind == JournalKind::moved) record.to = {{8, 0xabad1dea}, 8232};
  if (kind == JournalKind::queued) {
    record.flags = kQueuedAttempting | 77 << kQueuedSizeShift;
    record.recipients = 100;
    record.times = {1, 2, 3};
    record.indexes = {0, 99};
  }
  if (kind == JournalKind::deferred) record.times = {1'700'000'000, 1'700'000'900, 1'700'001'800};
  if (kind == JournalKind::finished) record.indexes = {5, 6, 4'000'000'000};
  return record;
}

constexpr JournalKind kKinds[] = {JournalKind::scanned,  JournalKind::queued,   JournalKind::attempting,
                                  JournalKind::finished, JournalKind::deferred, JournalKind::done,
                                  JournalKind::drained,  JournalKind::moved,    JournalKind::lost};

struct Collector final : JournalReader {
  std::vector<JournalRecord> records;
  bool on_record(const JournalRecord& record) override {
    records.push_back(record);
    return true;
  }
};

std::string batch_of(std::vector<JournalRecord> records, std::uint64_t sequence) {
  std::string batch(kJournalBatchHeaderBytes, '\0');
  for (const JournalRecord& record : records) append_record(batch, record);
  seal_batch(batch, kIncarnation, sequence);
  return batch;
}

TEST(JournalFormat, EveryRecordReadsBackAndItsHeadsDoNot) {
  for (const JournalKind kind : kKinds) {
    const JournalRecord record = record_of(kind);
    std::string bytes;
    append_record(bytes, record);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      std::string_view head = std::string_view(bytes).substr(0, cut);
      EXPECT_FALSE(take_record(head)) << static_cast<int>(kind) << " cut at " << cut;
    }
    bytes += "x";
    std::string_view rest = bytes;
    EXPECT_EQ(take_record(rest), record);
    EXPECT_EQ(rest, "x");
  }
}

TEST(JournalFormat, RecordsOfUnknownKindOrShapeAreRefused) {
  std::string bytes;
  append_record(bytes, record_of(JournalKind::done));
  for (const auto& [at, value] : {std::pair{0, '\0'}, {0, '\x0a'}, {1, '\1'}, {2, '\5'}}) {
    std::string wrong = bytes;
    wrong[static_cast<std::size_t>(at)] = value;
    std::string_view rest = wrong;
    EXPECT_FALSE(take_record(rest)) << at;
  }
}

TEST(JournalFormat, HeaderSaysWhatItIs) {
  std::string block = make_journal_header(kIncarnation);
  ASSERT_EQ(block.size(), kJournalBlockBytes);
  EXPECT_EQ(read_journal_header(block).value(), kIncarnation);
  for (std::size_t at = 0; at < kJournalHeaderBytes; ++at) {
    std::string damaged = block;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_EQ(read_journal_header(damaged).error().code, Errc::bad_format) << at;
  }
  EXPECT_EQ(read_journal_header(std::string_view(block).substr(0, kJournalHeaderBytes - 1)).error().code, Errc::bad_format);
}

TEST(JournalFormat, TheVersionBeforeIsReadAndALaterOneIsNamed) {
  const auto with_version = [](std::uint32_t version) {
    std::string block = make_journal_header(kIncarnation);
    auto* const at = reinterpret_cast<std::byte*>(block.data());
    store_le(at + 8, version);
    store_le(at + 4, crc32c(0, {at + 8, kJournalHeaderBytes - 8}));
    return block;
  };
  EXPECT_EQ(read_journal_header(with_version(1)).value(), kIncarnation);
  EXPECT_EQ(read_journal_header(with_version(kJournalVersion)).value(), kIncarnation);
  EXPECT_EQ(read_journal_header(with_version(kJournalVersion + 1)).error().code, Errc::unsupported);
}

TEST(JournalFormat, FileCutAtEveryByteGivesTheBatchesThatAreWhole) {
  const std::string header = make_journal_header(kIncarnation);
  const std::string first = batch_of({record_of(JournalKind::scanned), record_of(JournalKind::queued)}, 1);
  const std::string second = batch_of({record_of(JournalKind::done)}, 2);
  const std::string file = header + first + second;
  const std::size_t first_needs = header.size() + kJournalBatchHeaderBytes + 28 + 4 + 4 * 13;
  const std::size_t second_needs = header.size() + first.size() + kJournalBatchHeaderBytes + 28;
  for (std::size_t cut = kJournalHeaderBytes; cut <= file.size(); ++cut) {
    Collector collector;
    const Result<JournalDamage> damage = read_journal(std::string_view(file).substr(0, cut), collector);
    ASSERT_TRUE(damage) << cut;
    EXPECT_EQ(damage->unreadable_bytes, 0U) << cut;
    EXPECT_EQ(collector.records.size(), (cut >= first_needs ? 2U : 0U) + (cut >= second_needs ? 1U : 0U)) << cut;
    // What the device left behind the cut: zeros, as the file was filled with them.
    std::string zeroed = file.substr(0, cut);
    zeroed.resize(file.size() + 2 * kJournalBlockBytes);
    Collector after_zeros;
    ASSERT_TRUE(read_journal(zeroed, after_zeros)) << cut;
    EXPECT_GE(after_zeros.records.size(), collector.records.size()) << cut;  // a cut within zeros loses nothing
  }
}

TEST(JournalFormat, DamageBeforeSomethingWholeIsCounted) {
  std::string file = make_journal_header(kIncarnation);
  file += batch_of({record_of(JournalKind::scanned)}, 1);
  const std::size_t hit = file.size();
  file += batch_of({record_of(JournalKind::done)}, 2);
  file += batch_of({record_of(JournalKind::drained)}, 3);
  file[hit + 20] = static_cast<char>(file[hit + 20] ^ 0x40);
  Collector collector;
  const Result<JournalDamage> damage = read_journal(file, collector);
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->unreadable_bytes, kJournalBlockBytes);
  EXPECT_EQ(damage->batches, 2U);
  ASSERT_EQ(collector.records.size(), 2U);
  EXPECT_EQ(collector.records[1].kind, JournalKind::drained);
}

TEST(JournalFormat, BatchesOfAnEarlierFileAreNotRead) {
  std::string file = make_journal_header(kIncarnation + 1);
  file += batch_of({record_of(JournalKind::done)}, 1);
  Collector collector;
  ASSERT_TRUE(read_journal(file, collector));
  EXPECT_TRUE(collector.records.empty());
}

TEST(JournalFormat, ABatchWithoutRecordsIsABatch) {
  std::string file = make_journal_header(kIncarnation) + batch_of({}, 1);
  Collector collector;
  EXPECT_EQ(read_journal(file, collector).value().batches, 1U);
}

}  // namespace
}  // namespace postern::delivery
