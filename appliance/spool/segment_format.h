// The bytes of a segment, stated once; docs/spool-format.md has the grammar, a worked example and the recovery rules.
//
//   segment := header-block seal-block batch* unused       blocks are 4 KiB; integers are little-endian
//   batch   := batch-header record* zero*                  starts and ends on a block boundary
//   record  := record-header payload zero*                 starts and ends on a multiple of 8
//
// Every checksum but the header block's own is a CRC-32C that begins with the segment's incarnation, a random 64-bit number
// drawn each time the file is put to use: bytes of an earlier use, whoever chose them, do not read as ours. Everything here is
// pure: no file, no clock, no allocation.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

namespace postern::spool {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kBlockBytes = 4096;
inline constexpr std::uint64_t kSealOffset = kBlockBytes;
inline constexpr std::uint64_t kFirstBatchOffset = 2 * kBlockBytes;
inline constexpr std::uint64_t kSegmentBytesMax = 4ULL << 30;
inline constexpr std::uint32_t kBatchBytesMax = 16U << 20;
inline constexpr std::size_t kNotesMax = 64;
inline constexpr std::size_t kRecordAlignment = 8;

// Which use of which segment. Numbers grow within a directory and are never reused; the incarnation tells uses of a file apart.
struct SegmentKey {
  std::uint64_t number = 0;
  std::uint64_t incarnation = 0;

  friend auto operator<=>(const SegmentKey&, const SegmentKey&) = default;
};

// Where a record stands: its identity for journals and retries. `offset` is that of the record header in the file.
struct RecordKey {
  SegmentKey segment;
  std::uint64_t offset = 0;

  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};

// Says that an earlier segment, abandoned after a write failed, ends at `end`, whatever stands behind it.
struct SegmentNote {
  SegmentKey segment;
  std::uint64_t end = 0;

  friend bool operator==(const SegmentNote&, const SegmentNote&) = default;
};

struct SegmentHeader {
  SegmentKey key;
  std::uint64_t segment_bytes = 0;  // size of the file while in this use
  std::int64_t created_us = 0;      // wall time
  std::uint16_t shard = 0;
  std::uint32_t note_count = 0;
  std::array<SegmentNote, kNotesMax> notes{};

  [[nodiscard]] std::span<const SegmentNote> note_span() const noexcept { return {notes.data(), note_count}; }
};

enum class SealReason : std::uint32_t {
  full = 1,       // the writer went on to the next segment
  stopped = 2,    // the writer stopped in good order
  recovered = 3,  // found without a seal at a start
  abandoned = 4,  // a write failed; what stands behind the end was never acknowledged
};

// The final word on how far a segment goes.
struct SegmentSeal {
  SegmentKey key;
  std::uint64_t end = 0;  // offset behind the last batch that counts
  std::uint64_t records = 0;
  SealReason reason = SealReason::full;
  std::int64_t sealed_us = 0;
};

struct BatchHeader {
  std::uint64_t offset = 0;  // of the batch in the segment
  std::uint32_t number = 0;  // from 1, by one
  std::uint32_t length = 0;  // header and records; the batch occupies this rounded up to a block
  std::uint32_t record_count = 0;
};

// Values are stored: append, never renumber. A reader passes over kinds it does not know (they are counted), because a newer
// writer may add kinds without changing the format version only when passing over them is right.
enum class RecordKind : std::uint8_t {
  message = 1,            // record.h, content within
  message_side_file = 2,  // record.h, content in a side file that the record names, with length and CRC32C
};

struct RecordHeader {
  std::uint64_t offset = 0;  // of this record in the segment
  std::uint32_t length = 0;  // of the payload
  std::uint32_t payload_crc = 0;
  RecordKind kind = RecordKind::message;
};

// ---- on the disk ----

struct DiskHeaderBlock {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t note_count;
  std::uint64_t number;
  std::uint64_t incarnation;
  std::uint64_t segment_bytes;
  std::int64_t created_us;
  std::uint64_t shard;
  std::array<std::array<std::uint64_t, 3>, kNotesMax> notes;  // number, incarnation, end
  std::array<std::uint32_t, 625> zero;
  std::uint32_t crc;  // of all before it, not seeded: it vouches for the incarnation itself
};
static_assert(sizeof(DiskHeaderBlock) == kBlockBytes && std::has_unique_object_representations_v<DiskHeaderBlock>);
static_assert(offsetof(DiskHeaderBlock, crc) == kBlockBytes - 4, "where every version keeps it");

struct DiskSealBlock {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t reason;
  std::uint64_t number;
  std::uint64_t incarnation;
  std::uint64_t end;
  std::uint64_t records;
  std::int64_t sealed_us;
  std::array<std::uint32_t, 1009> zero;
  std::uint32_t crc;  // seeded, of all before it
};
static_assert(sizeof(DiskSealBlock) == kBlockBytes && std::has_unique_object_representations_v<DiskSealBlock>);

struct DiskBatchHeader {
  std::uint32_t crc;  // seeded, of all behind it
  std::uint32_t magic;
  std::uint64_t incarnation;
  std::uint64_t offset;
  std::uint32_t number;
  std::uint32_t length;
  std::uint32_t record_count;
  std::uint32_t zero;
};
static_assert(sizeof(DiskBatchHeader) == 40 && std::has_unique_object_representations_v<DiskBatchHeader>);

struct DiskRecordHeader {
  std::uint32_t crc;          // seeded, of the rest of this header
  std::uint32_t payload_crc;  // seeded
  std::uint64_t offset;
  std::uint32_t length;
  std::uint8_t kind;
  std::array<std::uint8_t, 3> zero;
};
static_assert(sizeof(DiskRecordHeader) == 24 && std::has_unique_object_representations_v<DiskRecordHeader>);
static_assert(sizeof(DiskBatchHeader) % kRecordAlignment == 0 && sizeof(DiskRecordHeader) % kRecordAlignment == 0);

using BlockSpan = std::span<std::byte, kBlockBytes>;
using ConstBlockSpan = std::span<const std::byte, kBlockBytes>;

// What every seeded checksum starts from.
[[nodiscard]] std::uint32_t crc_seed(std::uint64_t incarnation) noexcept;

// Checked: at most kNotesMax notes.
void encode_header(const SegmentHeader& header, BlockSpan block) noexcept;
enum class HeaderState : std::uint8_t {
  good,
  blank,          // all zeros: never put to use
  newer_version,  // whole, but written by a later postern; only `version` is meaningful
  damaged,
};
struct HeaderParse {
  HeaderState state = HeaderState::damaged;
  std::uint32_t version = 0;
  SegmentHeader header;
};
[[nodiscard]] HeaderParse parse_header(ConstBlockSpan block) noexcept;

void encode_seal(const SegmentSeal& seal, BlockSpan block) noexcept;
// Nothing unless it is whole, for this key, and within [kFirstBatchOffset, segment_bytes] on a block boundary.
[[nodiscard]] std::optional<SegmentSeal> parse_seal(ConstBlockSpan block, const SegmentHeader& header) noexcept;

// `at` has room for a DiskBatchHeader.
void encode_batch_header(const BatchHeader& header, std::uint64_t incarnation, std::byte* at) noexcept;
// From the first bytes of a block at `offset`. Nothing unless it is whole, of this incarnation, says that it stands at
// `offset`, and lies within the segment.
[[nodiscard]] std::optional<BatchHeader> parse_batch_header(std::span<const std::byte> bytes, std::uint64_t offset,
                                                            const SegmentHeader& segment) noexcept;
// Bytes that the batch occupies in the file.
[[nodiscard]] constexpr std::uint64_t batch_extent(const BatchHeader& header) noexcept {
  return (std::uint64_t{header.length} + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

void encode_record_header(const RecordHeader& header, std::uint32_t seed, std::byte* at) noexcept;
// Nothing unless the header is whole and says that it stands at `offset`. The payload is not looked at.
[[nodiscard]] std::optional<RecordHeader> parse_record_header(std::span<const std::byte> bytes, std::uint64_t offset,
                                                              std::uint32_t seed) noexcept;
// Bytes that a record with such a payload occupies in its batch.
[[nodiscard]] constexpr std::uint64_t record_extent(std::uint64_t payload_bytes) noexcept {
  return (sizeof(DiskRecordHeader) + payload_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

}  // namespace postern::spool
