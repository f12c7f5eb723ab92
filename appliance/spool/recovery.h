// What happens to a directory before anything new is written to it: every segment found without a seal is read through and
// sealed at its last good batch, durably. Nothing is ever appended to a segment that was found. The rules:
// docs/spool-format.md.
#pragma once

#include <cstdint>
#include <string>

#include "appliance/spool/damage.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

struct RecoveryReport {
  std::uint32_t segments = 0;             // found in use
  std::uint32_t sealed = 0;               // of them now
  std::uint32_t emptied = 0;              // of them without a batch, moved to free/
  std::uint32_t unreadable = 0;           // files without a good header, renamed to *.damaged
  std::uint64_t records = 0;              // in the segments sealed now
  std::uint64_t unconfirmed_records = 0;  // of them in the last batch: their senders may never have had an answer, or had 451,
                                          // and may send again. Possible duplicates, never losses.
  std::uint64_t torn_bytes = 0;           // of last batches that did not reach the disk whole: never acknowledged
  std::uint64_t cut_bytes = 0;            // of whole batches behind the end that a note states: answered with 451
  std::uint64_t damaged_bytes = 0;        // reported as Damage
  std::uint64_t highest_number = 0;       // over all files, free ones included
  std::string refused_path;               // with Errc::unsupported: the file
  std::uint32_t refused_version = 0;      //   and the format version it has
};

// Recovers one directory (an ingress shard's, also one that no longer exists, or delivery's store) whose lock the caller holds.
// A missing directory is an empty one. Adds to `report`, which stays until the end. Runs beside a reader that reads sealed
// segments and hands them back. Suspends. Errors: unsupported (a segment of a newer format: nothing was changed), any of the
// disk.
[[nodiscard]] Task<Result<void>> recover_directory(FileSystem& files, std::string directory, DamageReporter& reporter,
                                                   RecoveryReport& report);

}  // namespace postern::spool
