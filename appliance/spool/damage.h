// What is told when stored bytes do not read as they should. Damage is an event with a count of bytes: never a crash, never a
// silent skip, never guessed at.
#pragma once

#include <cstdint>
#include <string_view>

#include "appliance/spool/segment_format.h"

namespace postern::spool {

enum class DamageKind : std::uint8_t {
  header,   // a segment whose first block does not read: none of it can be
  batch,    // blocks where a batch should be, and later batches are good
  record,   // one record whose payload fails its checksum; those around it are read
  records,  // a record header fails: the rest of its batch cannot be found
  kind,     // a whole record of a kind unknown to this version
  end,      // the segment's file ends before its seal says
};
[[nodiscard]] std::string_view to_string(DamageKind kind) noexcept;

struct Damage {
  std::string_view path;  // of the segment; borrowed for the call
  SegmentKey segment;     // zeros for DamageKind::header
  DamageKind kind = DamageKind::batch;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // that could not be read as records
};

class DamageReporter {
 public:
  virtual ~DamageReporter() = default;
  virtual void on_damage(const Damage& damage) = 0;
};

}  // namespace postern::spool
