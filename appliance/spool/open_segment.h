// A segment that the writer has in hand: prepared, being written, or waiting for its seal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "appliance/spool/segment_format.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

// kFirstBatchOffset <= durable_end <= next_offset <= header.segment_bytes; the distance of the first two is what readers may
// read, that of the second two is the batch in flight.
struct OpenSegment {
  std::string path;
  std::unique_ptr<File> file;
  SegmentHeader header;
  std::uint32_t seed = 0;
  std::uint64_t next_offset = kFirstBatchOffset;
  std::uint64_t durable_end = kFirstBatchOffset;
  std::uint32_t batches = 0;
  std::uint64_t records = 0;  // durable ones
};

// Writes the seal block durably. `file` stays until the end. Suspends. After an error it may or may not be there.
[[nodiscard]] Task<Result<void>> write_seal(File& file, SegmentSeal seal);

}  // namespace postern::spool
