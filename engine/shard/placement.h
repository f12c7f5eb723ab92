// Which CPUs the shards run on.
#pragma once

#include <vector>

#include "engine/base/result.h"

namespace postern::shard {

// The CPUs this process may use, in order: one shard for each.
[[nodiscard]] std::vector<unsigned> allowed_cpus();

// Ties the calling thread to `cpu`.
[[nodiscard]] Result<void> pin_to_cpu(unsigned cpu);

}  // namespace postern::shard
