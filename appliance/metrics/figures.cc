#include "appliance/metrics/figures.h"

namespace postern::metrics {
namespace {

std::uint64_t bucket_sum(std::span<const Histogram* const> parts, std::size_t bucket) {
  std::uint64_t sum = 0;
  for (const Histogram* part : parts) sum += part->bucket(bucket);
  return sum;
}

}  // namespace

std::uint64_t count(std::span<const Histogram* const> parts) {
  std::uint64_t total = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) total += bucket_sum(parts, bucket);
  return total;
}

std::uint64_t percentile(std::span<const Histogram* const> parts, double share) {
  const auto wanted = static_cast<std::uint64_t>(static_cast<double>(count(parts)) * share);
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    below += bucket_sum(parts, bucket);
    if (below > wanted) return bucket == 0 ? 0 : (std::uint64_t{1} << bucket) - 1;
  }
  return 0;
}

}  // namespace postern::metrics
