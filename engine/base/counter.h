// Figures that one thread writes and any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace postern::inline base {

// One writer; adding is a plain load and store.
class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept { value_.store(get() + count, std::memory_order_relaxed); }
  void subtract(std::uint64_t count = 1) noexcept { value_.store(get() - count, std::memory_order_relaxed); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Durations by powers of two: bucket n counts values whose bit width is n (0 counts zeros). Units are the user's.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 40;
  void record(std::uint64_t value) noexcept {
    const auto width = static_cast<std::size_t>(std::bit_width(value));
    buckets_[width < kBuckets ? width : kBuckets - 1].add();
    sum_.add(value);
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t index) const noexcept { return buckets_[index].get(); }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.get(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_;
};

}  // namespace postern::inline base
