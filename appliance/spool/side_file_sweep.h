// What a crash leaves of messages that came to nothing: side files that no record names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "appliance/spool/damage.h"
#include "engine/base/result.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

// The side files beside the segments in `directory`. Taken before new ones are made. Suspends.
[[nodiscard]] Task<Result<std::vector<std::string>>> list_side_files(FileSystem& files, std::string directory);

// Removes those of `names` that no record of a sealed segment in `directory` names. When any part of a segment does not read,
// nothing is removed: bad_format. Runs beside a writer and a reader. Suspends; ends early when stop is requested. Returns how
// many were removed.
[[nodiscard]] Task<Result<std::uint64_t>> sweep_side_files(FileSystem& files, std::string directory,
                                                           std::vector<std::string> names, StopSource& stop);

}  // namespace postern::spool
