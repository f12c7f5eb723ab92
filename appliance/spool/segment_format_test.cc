#include "appliance/spool/segment_format.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "appliance/spool/aligned_buffer.h"
#include "appliance/spool/batch_parse.h"
#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kIncarnation = 0x1122334455667788;

SegmentHeader make_header() {
  SegmentHeader header;
  header.key = {42, kIncarnation};
  header.segment_bytes = 1 << 20;
  header.created_us = 1'700'000'000'000'000;
  header.shard = 7;
  header.note_count = 2;
  header.notes[0] = {{40, 0xabc}, 8192};
  header.notes[1] = {{41, 0xdef}, 65536};
  return header;
}

template <class Encode>
Bytes block_of(Encode encode) {
  Bytes bytes(kBlockBytes, std::byte{0xee});
  encode(BlockSpan(bytes.data(), kBlockBytes));
  return bytes;
}
ConstBlockSpan view(const Bytes& bytes) { return ConstBlockSpan(bytes.data(), kBlockBytes); }

// Every byte of `bytes` with every single bit turned is refused by `accepts`, and all of it is accepted.
template <class Accepts>
void expect_every_bit_counts(Bytes bytes, Accepts accepts) {
  ASSERT_TRUE(accepts(bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte{1} << bit;
      EXPECT_FALSE(accepts(bytes)) << "byte " << i << " bit " << bit;
      bytes[i] ^= std::byte{1} << bit;
    }
  }
}

TEST(SegmentHeaderBlock, ReadsWhatWasWritten) {
  const SegmentHeader header = make_header();
  const Bytes bytes = block_of([&](BlockSpan block) { encode_header(header, block); });
  const HeaderParse parse = parse_header(view(bytes));
  ASSERT_EQ(parse.state, HeaderState::good);
  EXPECT_EQ(parse.version, kFormatVersion);
  EXPECT_EQ(parse.header.key, header.key);
  EXPECT_EQ(parse.header.segment_bytes, header.segment_bytes);
  EXPECT_EQ(parse.header.created_us, header.created_us);
  EXPECT_EQ(parse.header.shard, header.shard);
  ASSERT_EQ(parse.header.note_span().size(), 2U);
  EXPECT_EQ(parse.header.notes[0], header.notes[0]);
  EXPECT_EQ(parse.header.notes[1], header.notes[1]);
}

TEST(SegmentHeaderBlock, EveryBitCounts) {
  expect_every_bit_counts(block_of([](BlockSpan block) { encode_header(make_header(), block); }),
                          [](const Bytes& bytes) { return parse_header(view(bytes)).state == HeaderState::good; });
}

TEST(SegmentHeaderBlock, CutAnywhereIsDamaged) {
  const Bytes whole = block_of([](BlockSpan block) { encode_header(make_header(), block); });
  for (std::size_t cut = 1; cut < kBlockBytes; ++cut) {
    Bytes bytes = whole;
    std::memset(bytes.data() + cut, 0, kBlockBytes - cut);
    EXPECT_EQ(parse_header(view(bytes)).state, HeaderState::damaged);
  }
  EXPECT_EQ(parse_header(view(Bytes(kBlockBytes))).state, HeaderState::blank);
}

// A header with `change` made to it and a good checksum.
template <class Change>
HeaderParse parse_changed(Change change) {
  Bytes bytes = block_of([](BlockSpan block) { encode_header(make_header(), block); });
  auto disk = load_le<DiskHeaderBlock>(bytes.data());
  change(disk);
  disk.crc = crc32c(0, std::as_bytes(std::span(&disk, 1)).first(offsetof(DiskHeaderBlock, crc)));
  store_le(bytes.data(), disk);
  return parse_header(view(bytes));
}

TEST(SegmentHeaderBlock, ANewerVersionIsNamedAndNothingElseOfItIsBelieved) {
  const HeaderParse parse = parse_changed([](DiskHeaderBlock& disk) {
    disk.version = kFormatVersion + 3;
    disk.segment_bytes = 17;
  });
  EXPECT_EQ(parse.state, HeaderState::newer_version);
  EXPECT_EQ(parse.version, kFormatVersion + 3);
}

TEST(SegmentHeaderBlock, RefusesWhatNoWriterWrites) {
  const auto state = [](auto change) { return parse_changed(change).state; };
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.version = 0; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.note_count = kNotesMax + 1; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.segment_bytes = 8192; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.segment_bytes += 1; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.segment_bytes = kSegmentBytesMax + kBlockBytes; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.notes[1][2] = 4096; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.notes[1][2] = 8193; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock& d) { d.shard = 65536; }), HeaderState::damaged);
  EXPECT_EQ(state([](DiskHeaderBlock&) {}), HeaderState::good);
}

TEST(SegmentSealBlock, IsForOneUseOfOneSegment) {
  const SegmentHeader header = make_header();
  const SegmentSeal seal{
      .key = header.key, .end = 12288, .records = 5, .reason = SealReason::recovered, .sealed_us = 1'700'000'000'000'001};
  const Bytes bytes = block_of([&](BlockSpan block) { encode_seal(seal, block); });
  const auto parsed = parse_seal(view(bytes), header);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key, seal.key);
  EXPECT_EQ(parsed->end, seal.end);
  EXPECT_EQ(parsed->records, seal.records);
  EXPECT_EQ(parsed->reason, seal.reason);
  EXPECT_EQ(parsed->sealed_us, seal.sealed_us);

  SegmentHeader other = header;
  other.key.incarnation ^= 1;
  EXPECT_FALSE(parse_seal(view(bytes), other));
  other = header;
  ++other.key.number;
  EXPECT_FALSE(parse_seal(view(bytes), other));
  other = header;
  other.segment_bytes = 8192;
  EXPECT_FALSE(parse_seal(view(bytes), other));  // ends behind the segment

  expect_every_bit_counts(bytes, [&](const Bytes& b) { return parse_seal(view(b), header).has_value(); });
}

TEST(BatchHeaderBytes, IsForOnePlaceInOneUse) {
  const SegmentHeader segment = make_header();
  const BatchHeader header{.offset = 16384, .number = 3, .length = 5000, .record_count = 2};
  Bytes bytes(sizeof(DiskBatchHeader));
  encode_batch_header(header, kIncarnation, bytes.data());
  const auto parsed = parse_batch_header(bytes, 16384, segment);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->number, 3U);
  EXPECT_EQ(parsed->length, 5000U);
  EXPECT_EQ(parsed->record_count, 2U);
  EXPECT_EQ(batch_extent(*parsed), 8192U);

  EXPECT_FALSE(parse_batch_header(bytes, 16384 + kBlockBytes, segment));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse_batch_header(std::span(bytes).first(cut), 16384, segment));
  SegmentHeader other = segment;
  other.key.incarnation ^= 1ULL << 63;
  EXPECT_FALSE(parse_batch_header(bytes, 16384, other));
  other = segment;
  other.segment_bytes = 20480;  // the batch would end behind it
  EXPECT_FALSE(parse_batch_header(bytes, 16384, other));
  expect_every_bit_counts(bytes, [&](const Bytes& b) { return parse_batch_header(b, 16384, segment).has_value(); });

  encode_batch_header({.offset = 16384, .number = 0, .length = 5000, .record_count = 2}, kIncarnation, bytes.data());
  EXPECT_FALSE(parse_batch_header(bytes, 16384, segment));  // they count from 1
}

TEST(RecordHeaderBytes, IsForOnePlaceInOneUse) {
  const std::uint32_t seed = crc_seed(kIncarnation);
  const RecordHeader header{.offset = 8232, .length = 77, .payload_crc = 0x12345678, .kind = RecordKind::message};
  Bytes bytes(sizeof(DiskRecordHeader));
  encode_record_header(header, seed, bytes.data());
  const auto parsed = parse_record_header(bytes, 8232, seed);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->length, 77U);
  EXPECT_EQ(parsed->payload_crc, 0x12345678U);
  EXPECT_EQ(parsed->kind, RecordKind::message);
  EXPECT_FALSE(parse_record_header(bytes, 8240, seed));
  EXPECT_FALSE(parse_record_header(bytes, 8232, crc_seed(kIncarnation + 1)));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse_record_header(std::span(bytes).first(cut), 8232, seed));
  expect_every_bit_counts(bytes, [&](const Bytes& b) { return parse_record_header(b, 8232, seed).has_value(); });
}

// ---- batches ----

struct Batch {
  BatchHeader header;
  Bytes bytes;
  std::vector<std::uint64_t> offsets;
};

Batch make_batch(std::uint64_t offset, const std::vector<std::string>& payloads) {
  Batch batch;
  const std::uint32_t seed = crc_seed(kIncarnation);
  batch.bytes.resize(sizeof(DiskBatchHeader));
  for (const std::string& payload : payloads) {
    const std::size_t at = batch.bytes.size();
    batch.bytes.resize(at + record_extent(payload.size()));
    std::memcpy(batch.bytes.data() + at + sizeof(DiskRecordHeader), payload.data(), payload.size());
    const RecordHeader header{.offset = offset + at,
                              .length = static_cast<std::uint32_t>(payload.size()),
                              .payload_crc = crc32c(seed, std::as_bytes(std::span(payload)))};
    encode_record_header(header, seed, batch.bytes.data() + at);
    batch.offsets.push_back(offset + at);
  }
  batch.header = {.offset = offset,
                  .number = 1,
                  .length = static_cast<std::uint32_t>(batch.bytes.size()),
                  .record_count = static_cast<std::uint32_t>(payloads.size())};
  encode_batch_header(batch.header, kIncarnation, batch.bytes.data());
  return batch;
}

struct Walked {
  std::vector<std::string> payloads;
  std::uint64_t lost_bytes = 0;
  unsigned bad_payloads = 0;
};

Walked walk(const BatchHeader& header, std::span<const std::byte> bytes) {
  Walked walked;
  BatchRecords records(header, crc_seed(kIncarnation), bytes);
  for (;;) {
    const RecordStep step = records.next();
    if (step.what == RecordStep::What::end) return walked;
    if (step.what == RecordStep::What::record) {
      walked.payloads.emplace_back(reinterpret_cast<const char*>(step.payload.data()), step.payload.size());
    } else {
      walked.lost_bytes += step.bytes;
      walked.bad_payloads += step.what == RecordStep::What::bad_payload ? 1 : 0;
    }
  }
}

TEST(BatchRecords, WalksAllRecords) {
  const std::vector<std::string> payloads{"", "a", std::string(5000, 'x'), "12345678", "end"};
  const Batch batch = make_batch(8192, payloads);
  EXPECT_EQ(walk(batch.header, batch.bytes).payloads, payloads);
  EXPECT_TRUE(is_whole(batch.header, crc_seed(kIncarnation), batch.bytes));
}

TEST(BatchRecords, ABadPayloadCostsOneRecord) {
  Batch batch = make_batch(8192, {"first", "second", "third"});
  batch.bytes[batch.offsets[1] - 8192 + sizeof(DiskRecordHeader)] ^= std::byte{1};
  const Walked walked = walk(batch.header, batch.bytes);
  EXPECT_EQ(walked.payloads, (std::vector<std::string>{"first", "third"}));
  EXPECT_EQ(walked.lost_bytes, record_extent(6));
  EXPECT_FALSE(is_whole(batch.header, crc_seed(kIncarnation), batch.bytes));
}

TEST(BatchRecords, ABadHeaderCostsTheRest) {
  Batch batch = make_batch(8192, {"first", "second", "third"});
  batch.bytes[batch.offsets[1] - 8192] ^= std::byte{1};
  const Walked walked = walk(batch.header, batch.bytes);
  EXPECT_EQ(walked.payloads, (std::vector<std::string>{"first"}));
  EXPECT_EQ(walked.lost_bytes, record_extent(6) + record_extent(5));
}

// Whatever bit is turned, no record comes out that was not put in, and all bytes are accounted for.
TEST(BatchRecords, EveryBitCounts) {
  const std::vector<std::string> payloads{"first", "", "third record"};
  Batch batch = make_batch(8192, payloads);
  for (std::size_t i = sizeof(DiskBatchHeader); i < batch.bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      batch.bytes[i] ^= std::byte{1} << bit;
      const Walked walked = walk(batch.header, batch.bytes);
      std::uint64_t read = 0;
      for (const std::string& payload : walked.payloads) {
        EXPECT_NE(std::ranges::find(payloads, payload), payloads.end());
        read += record_extent(payload.size());
      }
      EXPECT_EQ(read + walked.lost_bytes, batch.bytes.size() - sizeof(DiskBatchHeader));
      batch.bytes[i] ^= std::byte{1} << bit;
    }
  }
}

TEST(BatchRecords, CutAnywhereIsNotWhole) {
  const Batch batch = make_batch(8192, {"first", "second"});
  for (std::size_t cut = sizeof(DiskBatchHeader); cut < batch.bytes.size(); ++cut) {
    const auto bytes = std::span(batch.bytes).first(cut);
    EXPECT_FALSE(is_whole(batch.header, crc_seed(kIncarnation), bytes));
    EXPECT_LE(walk(batch.header, bytes).payloads.size(), 1U);
  }
}

TEST(BatchRecords, ACountThatDoesNotMatchIsNotWhole) {
  Batch batch = make_batch(8192, {"first", "second"});
  for (const std::uint32_t count : {0U, 1U, 3U, UINT32_MAX}) {
    batch.header.record_count = count;
    EXPECT_FALSE(is_whole(batch.header, crc_seed(kIncarnation), batch.bytes)) << count;
  }
}

}  // namespace
}  // namespace postern::spool
