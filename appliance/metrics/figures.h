// Sums and percentiles of counters that several shards write.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/counter.h"

namespace postern::metrics {

// The value below which `share` (0 to 1) of all recorded values lie, as the upper bound of its bucket; 0 when there are none.
[[nodiscard]] std::uint64_t percentile(std::span<const Histogram* const> parts, double share);
[[nodiscard]] std::uint64_t count(std::span<const Histogram* const> parts);

}  // namespace postern::metrics
