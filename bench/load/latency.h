// Latencies in bounded memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace postern::load {

// Counts durations in buckets that grow with them: 64 for each power of two, so that a percentile is told at most 1.6 percent
// too high; below 64 ns exactly. Longer ones than kLongestNs count as that.
class LatencyHistogram {
 public:
  static constexpr std::int64_t kLongestNs = (std::int64_t{1} << 42) - 1;  // 73 minutes

  // Negative durations count as 0.
  void record(std::int64_t ns) noexcept;
  void clear() noexcept { *this = {}; }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::int64_t max_ns() const noexcept { return max_ns_; }
  // What `percent` of the recorded durations do not exceed; 0 when none was recorded.
  [[nodiscard]] std::int64_t percentile_ns(double percent) const noexcept;

 private:
  static constexpr unsigned kStepBits = 6;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static constexpr std::size_t kBuckets = (42 - kStepBits) * kSteps + kSteps;
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t ns) noexcept;
  [[nodiscard]] static std::int64_t highest_in(std::size_t bucket) noexcept;

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ns_ = 0;
};

}  // namespace postern::load
