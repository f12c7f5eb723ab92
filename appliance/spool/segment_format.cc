#include "appliance/spool/segment_format.h"

#include <algorithm>
#include <cstring>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

constexpr std::array<char, 8> kHeaderMagic{'P', 'S', 'T', 'R', 'N', 'S', 'E', 'G'};
constexpr std::array<char, 8> kSealMagic{'P', 'S', 'T', 'R', 'N', 'E', 'N', 'D'};
constexpr std::uint32_t kBatchMagic = 0x48435442;  // "BTCH"

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  return std::as_bytes(std::span(&value, 1));
}

// A block struct ends with its checksum, a header struct begins with it.
template <class T>
std::uint32_t crc_before_end(std::uint32_t seed, const T& block) noexcept {
  return crc32c(seed, bytes_of(block).first(offsetof(T, crc)));
}
template <class T>
std::uint32_t crc_behind_start(std::uint32_t seed, const T& header) noexcept {
  return crc32c(seed, bytes_of(header).subspan(sizeof header.crc));
}

bool is_boundary(std::uint64_t offset) noexcept { return offset % kBlockBytes == 0; }

bool is_plausible(const DiskHeaderBlock& disk) noexcept {
  return disk.note_count <= kNotesMax && disk.segment_bytes > kFirstBatchOffset && disk.segment_bytes <= kSegmentBytesMax &&
         is_boundary(disk.segment_bytes) && disk.shard <= UINT16_MAX;
}

}  // namespace

std::uint32_t crc_seed(std::uint64_t incarnation) noexcept { return crc32c(0, bytes_of(incarnation)); }

void encode_header(const SegmentHeader& header, BlockSpan block) noexcept {
  POSTERN_CHECK(header.note_count <= kNotesMax);
  DiskHeaderBlock disk{};
  disk.magic = kHeaderMagic;
  disk.version = kFormatVersion;
  disk.note_count = header.note_count;
  disk.number = header.key.number;
  disk.incarnation = header.key.incarnation;
  disk.segment_bytes = header.segment_bytes;
  disk.created_us = header.created_us;
  disk.shard = header.shard;
  for (std::size_t i = 0; i < header.note_count; ++i) {
    const SegmentNote& note = header.notes[i];
    disk.notes[i] = {note.segment.number, note.segment.incarnation, note.end};
  }
  disk.crc = crc_before_end(0, disk);
  store_le(block.data(), disk);
}

HeaderParse parse_header(ConstBlockSpan block) noexcept {
  HeaderParse parse;
  const auto disk = load_le<DiskHeaderBlock>(block.data());
  if (std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; })) {
    parse.state = HeaderState::blank;
    return parse;
  }
  // Magic, version and checksum stand where they stand in every version, so that a newer one is told from a damaged one.
  if (disk.magic != kHeaderMagic || disk.crc != crc_before_end(0, disk)) return parse;
  parse.version = disk.version;
  if (disk.version > kFormatVersion) {
    parse.state = HeaderState::newer_version;
    return parse;
  }
  if (disk.version == 0 || !is_plausible(disk)) return parse;
  SegmentHeader& header = parse.header;
  header.key = {disk.number, disk.incarnation};
  header.segment_bytes = disk.segment_bytes;
  header.created_us = disk.created_us;
  header.shard = static_cast<std::uint16_t>(disk.shard);
  header.note_count = disk.note_count;
  for (std::size_t i = 0; i < disk.note_count; ++i) {
    const auto& note = disk.notes[i];
    if (!is_boundary(note[2]) || note[2] < kFirstBatchOffset) return parse;
    header.notes[i] = {{note[0], note[1]}, note[2]};
  }
  parse.state = HeaderState::good;
  return parse;
}

void encode_seal(const SegmentSeal& seal, BlockSpan block) noexcept {
  DiskSealBlock disk{};
  disk.magic = kSealMagic;
  disk.version = kFormatVersion;
  disk.reason = static_cast<std::uint32_t>(seal.reason);
  disk.number = seal.key.number;
  disk.incarnation = seal.key.incarnation;
  disk.end = seal.end;
  disk.records = seal.records;
  disk.sealed_us = seal.sealed_us;
  disk.crc = crc_before_end(crc_seed(seal.key.incarnation), disk);
  store_le(block.data(), disk);
}

std::optional<SegmentSeal> parse_seal(ConstBlockSpan block, const SegmentHeader& header) noexcept {
  const auto disk = load_le<DiskSealBlock>(block.data());
  if (disk.magic != kSealMagic || SegmentKey{disk.number, disk.incarnation} != header.key) return std::nullopt;
  if (disk.crc != crc_before_end(crc_seed(header.key.incarnation), disk)) return std::nullopt;
  if (!is_boundary(disk.end) || disk.end < kFirstBatchOffset || disk.end > header.segment_bytes) return std::nullopt;
  return SegmentSeal{.key = header.key,
                     .end = disk.end,
                     .records = disk.records,
                     .reason = static_cast<SealReason>(disk.reason),
                     .sealed_us = disk.sealed_us};
}

void encode_batch_header(const BatchHeader& header, std::uint64_t incarnation, std::byte* at) noexcept {
  DiskBatchHeader disk{};
  disk.magic = kBatchMagic;
  disk.incarnation = incarnation;
  disk.offset = header.offset;
  disk.number = header.number;
  disk.length = header.length;
  disk.record_count = header.record_count;
  disk.crc = crc_behind_start(crc_seed(incarnation), disk);
  store_le(at, disk);
}

std::optional<BatchHeader> parse_batch_header(std::span<const std::byte> bytes, std::uint64_t offset,
                                              const SegmentHeader& segment) noexcept {
  if (bytes.size() < sizeof(DiskBatchHeader)) return std::nullopt;
  const auto disk = load_le<DiskBatchHeader>(bytes.data());
  if (disk.magic != kBatchMagic || disk.incarnation != segment.key.incarnation || disk.offset != offset) return std::nullopt;
  if (disk.crc != crc_behind_start(crc_seed(segment.key.incarnation), disk)) return std::nullopt;
  if (disk.number == 0) return std::nullopt;
  if (disk.length < sizeof(DiskBatchHeader) || disk.length > kBatchBytesMax) return std::nullopt;
  const BatchHeader header{.offset = offset, .number = disk.number, .length = disk.length, .record_count = disk.record_count};
  if (offset > segment.segment_bytes || batch_extent(header) > segment.segment_bytes - offset) return std::nullopt;
  return header;
}

void encode_record_header(const RecordHeader& header, std::uint32_t seed, std::byte* at) noexcept {
  DiskRecordHeader disk{};
  disk.payload_crc = header.payload_crc;
  disk.offset = header.offset;
  disk.length = header.length;
  disk.kind = static_cast<std::uint8_t>(header.kind);
  disk.crc = crc_behind_start(seed, disk);
  store_le(at, disk);
}

std::optional<RecordHeader> parse_record_header(std::span<const std::byte> bytes, std::uint64_t offset,
                                                std::uint32_t seed) noexcept {
  if (bytes.size() < sizeof(DiskRecordHeader)) return std::nullopt;
  const auto disk = load_le<DiskRecordHeader>(bytes.data());
  if (disk.offset != offset || disk.crc != crc_behind_start(seed, disk)) return std::nullopt;
  return RecordHeader{
      .offset = offset, .length = disk.length, .payload_crc = disk.payload_crc, .kind = static_cast<RecordKind>(disk.kind)};
}

}  // namespace postern::spool
