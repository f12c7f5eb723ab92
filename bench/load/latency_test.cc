#include "bench/load/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/random.h"

namespace postern::load {
namespace {

TEST(LatencyHistogram, NothingRecordedIsZero) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile_ns(50), 0);
  EXPECT_EQ(histogram.percentile_ns(100), 0);
  EXPECT_EQ(histogram.max_ns(), 0);
}

TEST(LatencyHistogram, ShortOnesAreExact) {
  LatencyHistogram histogram;
  for (int ns = 1; ns <= 60; ++ns) histogram.record(ns);
  EXPECT_EQ(histogram.percentile_ns(50), 30);
  EXPECT_EQ(histogram.percentile_ns(90), 54);
  EXPECT_EQ(histogram.percentile_ns(100), 60);
  EXPECT_EQ(histogram.percentile_ns(0), 1);
}

TEST(LatencyHistogram, EveryPercentileIsAtMostThatMuchTooHigh) {
  SeededRandom random(7);
  LatencyHistogram histogram;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    // Spread over all magnitudes, not only the large ones.
    const auto ns = static_cast<std::int64_t>(random.next() >> (22 + random.below(40)));
    all.push_back(ns);
    histogram.record(ns);
  }
  std::ranges::sort(all);
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const std::int64_t exact = all[static_cast<std::size_t>(std::ceil(percent / 100 * 20'000)) - 1];
    const std::int64_t told = histogram.percentile_ns(percent);
    EXPECT_GE(told, exact) << percent;
    EXPECT_LE(static_cast<double>(told), static_cast<double>(exact) * (1 + 1.0 / 64) + 1) << percent;
  }
  EXPECT_EQ(histogram.max_ns(), all.back());
  EXPECT_EQ(histogram.count(), 20'000U);
}

TEST(LatencyHistogram, TheEdgesOfBuckets) {
  for (unsigned bit = 0; bit < 42; ++bit) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      const std::int64_t ns = std::max<std::int64_t>((std::int64_t{1} << bit) + offset, 0);
      LatencyHistogram histogram;
      histogram.record(ns);
      EXPECT_EQ(histogram.percentile_ns(50), ns);
      histogram.record(LatencyHistogram::kLongestNs);
      EXPECT_GE(histogram.percentile_ns(50), ns);
      EXPECT_LE(histogram.percentile_ns(50), ns + ns / 64);
    }
  }
}

TEST(LatencyHistogram, WhatDoesNotFitCountsAsTheNearest) {
  LatencyHistogram histogram;
  histogram.record(-5);
  EXPECT_EQ(histogram.max_ns(), 0);
  histogram.record(INT64_MAX);
  EXPECT_EQ(histogram.max_ns(), LatencyHistogram::kLongestNs);
  EXPECT_EQ(histogram.percentile_ns(100), LatencyHistogram::kLongestNs);
  EXPECT_EQ(histogram.count(), 2U);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile_ns(100), 0);
}

}  // namespace
}  // namespace postern::load
