#include "engine/base/counter.h"

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"

namespace postern {
namespace {

TEST(Counter, CountsUpAndDown) {
  Counter counter;
  counter.add();
  counter.add(10);
  counter.subtract(4);
  EXPECT_EQ(counter.get(), 7U);
  counter.set(3);
  EXPECT_EQ(counter.get(), 3U);
}

TEST(Histogram, PutsEachValueInTheBucketOfItsWidth) {
  Histogram histogram;
  for (const std::uint64_t value : {0ULL, 1ULL, 2ULL, 3ULL, 4ULL, 7ULL, 8ULL}) histogram.record(value);
  EXPECT_EQ(histogram.bucket(0), 1U);
  EXPECT_EQ(histogram.bucket(1), 1U);
  EXPECT_EQ(histogram.bucket(2), 2U);
  EXPECT_EQ(histogram.bucket(3), 2U);
  EXPECT_EQ(histogram.bucket(4), 1U);
  EXPECT_EQ(histogram.sum(), 25U);
  histogram.record(UINT64_MAX);
  histogram.record(1ULL << 38);
  EXPECT_EQ(histogram.bucket(Histogram::kBuckets - 1), 2U) << "the last bucket takes all that is larger";
}

TEST(Bytes, UnalignedLittleEndian) {
  std::byte bytes[16]{};
  store_le<std::uint32_t>(bytes + 1, 0x01020304);
  EXPECT_EQ(bytes[1], std::byte{4});
  EXPECT_EQ(bytes[4], std::byte{1});
  EXPECT_EQ(load_le<std::uint32_t>(bytes + 1), 0x01020304U);
  EXPECT_EQ(load_le<std::uint16_t>(bytes + 3), 0x0102U);
}

TEST(Bytes, RoundUp) {
  EXPECT_EQ(round_up(0, 4096), 0U);
  EXPECT_EQ(round_up(1, 4096), 4096U);
  EXPECT_EQ(round_up(4096, 4096), 4096U);
  EXPECT_EQ(round_up(4097, 4096), 8192U);
  EXPECT_EQ(round_up(7, 1), 7U);
}

TEST(StrongId, ComparesByValue) {
  EXPECT_EQ(ShardId(3), ShardId(3));
  EXPECT_LT(ShardId(2), ShardId(3));
  EXPECT_EQ(ShardId().value(), 0);
}

}  // namespace
}  // namespace postern
