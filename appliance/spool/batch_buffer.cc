#include "appliance/spool/batch_buffer.h"

#include <algorithm>
#include <cstring>

#include "appliance/spool/record.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace postern::spool {

void BatchBuffer::begin(const OpenSegment& segment) noexcept {
  POSTERN_CHECK(empty());
  key_ = segment.header.key;
  seed_ = segment.seed;
  offset_ = segment.next_offset;
  limit_ = std::min<std::uint64_t>(memory_.size(), segment.header.segment_bytes - offset_);
  used_ = std::min(sizeof(DiskBatchHeader), limit_);
}

bool BatchBuffer::has_room(std::size_t payload_bytes) const noexcept {
  return payload_bytes <= memory_.size() && record_extent(payload_bytes) <= limit_ - used_;
}

RecordKey BatchBuffer::append(const CommitInput& input, std::size_t payload_bytes) noexcept {
  POSTERN_CHECK(has_room(payload_bytes));
  std::byte* at = memory_.data() + used_;
  std::byte* payload = at + sizeof(DiskRecordHeader);
  const std::size_t extent = record_extent(payload_bytes);
  RecordHeader header{
      .offset = offset_ + used_, .length = static_cast<std::uint32_t>(payload_bytes), .kind = record_kind(input)};
  header.payload_crc = encode_message(input, seed_, payload);
  encode_record_header(header, seed_, at);
  std::byte* end = payload + payload_bytes;
  std::memset(end, 0, static_cast<std::size_t>(at + extent - end));
  used_ += extent;
  ++record_count_;
  return {key_, header.offset};
}

std::span<const std::byte> BatchBuffer::finish(std::uint32_t number) noexcept {
  POSTERN_CHECK(!empty());
  const BatchHeader header{
      .offset = offset_, .number = number, .length = static_cast<std::uint32_t>(used_), .record_count = record_count_};
  encode_batch_header(header, key_.incarnation, memory_.data());
  const std::size_t padded = round_up(used_, kBlockBytes);
  std::memset(memory_.data() + used_, 0, padded - used_);
  return {memory_.data(), padded};
}

}  // namespace postern::spool
