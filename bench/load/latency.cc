#include "bench/load/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace postern::load {

// Bucket 64 * (1 + shift) + n holds the durations of which the upper seven bits are 64 + n.
std::size_t LatencyHistogram::bucket_of(std::uint64_t ns) noexcept {
  if (ns < kSteps) return static_cast<std::size_t>(ns);
  const auto shift = static_cast<unsigned>(std::bit_width(ns)) - kStepBits - 1;
  return static_cast<std::size_t>(shift) * kSteps + static_cast<std::size_t>(ns >> shift);
}

std::int64_t LatencyHistogram::highest_in(std::size_t bucket) noexcept {
  if (bucket < kSteps) return static_cast<std::int64_t>(bucket);
  const std::size_t shift = bucket / kSteps - 1;
  return static_cast<std::int64_t>(((bucket % kSteps + kSteps + 1) << shift) - 1);
}

void LatencyHistogram::record(std::int64_t ns) noexcept {
  const std::int64_t kept = std::clamp<std::int64_t>(ns, 0, kLongestNs);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(kept))];
  ++count_;
  max_ns_ = std::max(max_ns_, kept);
}

std::int64_t LatencyHistogram::percentile_ns(double percent) const noexcept {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, std::max<std::uint64_t>(count_, 1));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::min(highest_in(bucket), max_ns_);
  }
  return max_ns_;
}

}  // namespace postern::load
