// Walks the records of one batch in memory. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "appliance/spool/segment_format.h"

namespace postern::spool {

struct RecordStep {
  enum class What : std::uint8_t {
    record,       // whole, checksum good
    bad_payload,  // the header is good, the payload is not; the next record can be found
    bad_rest,     // nothing more of this batch can be found; `bytes` are lost
    end,
  };
  What what = What::end;
  std::uint64_t offset = 0;            // in the segment
  std::uint64_t bytes = 0;             // that the record, or the lost rest, occupies
  RecordHeader header;                 // for record and bad_payload
  std::span<const std::byte> payload;  // for record: borrowed from the batch's bytes
};

class BatchRecords {
 public:
  // `bytes` are the batch's header.length bytes from its start.
  BatchRecords(const BatchHeader& header, std::uint32_t seed, std::span<const std::byte> bytes) noexcept
      : header_(header), seed_(seed), bytes_(bytes) {}

  [[nodiscard]] RecordStep next() noexcept;
  [[nodiscard]] const BatchHeader& header() const noexcept { return header_; }

 private:
  [[nodiscard]] RecordStep lose_rest() noexcept;

  BatchHeader header_;
  std::uint32_t seed_;
  std::span<const std::byte> bytes_;
  std::size_t at_ = sizeof(DiskBatchHeader);
  std::uint32_t seen_ = 0;
};

// True when every record of the batch is whole and together they are exactly the batch.
[[nodiscard]] bool is_whole(const BatchHeader& header, std::uint32_t seed, std::span<const std::byte> bytes) noexcept;

}  // namespace postern::spool
