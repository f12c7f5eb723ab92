// The batch that gathers while another is on its way to the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "appliance/spool/aligned_buffer.h"
#include "appliance/spool/open_segment.h"
#include "appliance/spool/segment_format.h"

namespace postern::spool {

struct CommitInput;

// Records are encoded for one place in one segment: offsets and checksums depend on both. One shard.
class BatchBuffer {
 public:
  explicit BatchBuffer(std::size_t bytes) : memory_(bytes) {}

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_.span(); }
  [[nodiscard]] bool empty() const noexcept { return record_count_ == 0; }
  [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
  [[nodiscard]] std::size_t length() const noexcept { return used_; }

  // What follows is for the end of `segment`. Checked: empty.
  void begin(const OpenSegment& segment) noexcept;
  // Whether a record with such a payload fits, in memory and in the segment.
  [[nodiscard]] bool has_room(std::size_t payload_bytes) const noexcept;
  // Encodes one record and says where it will stand. Checked: has_room(payload_bytes), and that is encoded_size(input).
  [[nodiscard]] RecordKey append(const CommitInput& input, std::size_t payload_bytes) noexcept;
  // Completes the batch as number `number` and returns its bytes, padded to a block. They stay until clear().
  [[nodiscard]] std::span<const std::byte> finish(std::uint32_t number) noexcept;
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  void clear() noexcept { record_count_ = 0; }

 private:
  AlignedBuffer memory_;
  SegmentKey key_;
  std::uint32_t seed_ = 0;
  std::uint64_t offset_ = 0;  // of the batch in the segment
  std::size_t limit_ = 0;     // bytes it may grow to
  std::size_t used_ = 0;
  std::uint32_t record_count_ = 0;
};

}  // namespace postern::spool
