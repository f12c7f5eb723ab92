#include "appliance/spool/space.h"

#include <gtest/gtest.h>

#include <utility>

namespace postern::spool {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

SpaceInfo info(std::uint64_t free_bytes, std::uint64_t free_inodes = 10'000) {
  return {.free_bytes = free_bytes, .total_bytes = 1000 * kMiB, .free_inodes = free_inodes};
}

TEST(SpaceWatch, IsLowUntilItKnows) {
  SpaceWatch watch({});
  EXPECT_TRUE(watch.low());
  watch.update(info(10 * kMiB), 0);
  EXPECT_FALSE(watch.low());
}

TEST(SpaceWatch, StaysLowUntilAnEighthAboveTheMinimum) {
  SpaceWatch watch({.bytes_min = 80 * kMiB, .inodes_min = 800});
  const struct {
    std::uint64_t bytes, reusable, inodes;
    bool low;
  } steps[] = {{80 * kMiB, 0, 800, false},
               {80 * kMiB - 1, 0, 800, true},
               {85 * kMiB, 0, 10'000, true},
               {90 * kMiB - 1, 0, 10'000, true},
               {90 * kMiB, 0, 10'000, false},
               {80 * kMiB, 0, 10'000, false},
               {70 * kMiB, 10 * kMiB, 10'000, false},
               {200 * kMiB, 0, 799, true},
               {200 * kMiB, 0, 899, true},
               {200 * kMiB, 0, 900, false},
               {200 * kMiB, 0, 0, true}};
  for (const auto& step : steps) {
    watch.update(info(step.bytes, step.inodes), step.reusable);
    EXPECT_EQ(watch.low(), step.low) << step.bytes << ' ' << step.inodes;
  }
}

TEST(SpaceWatch, AFileSystemWithoutInodeNumbersIsNotLow) {
  SpaceWatch watch({});
  watch.update(info(100 * kMiB, 0), 0);
  EXPECT_FALSE(watch.low());
}

TEST(SpaceWatch, PromisesOnlyWhatIsFreeAboveTheMinimum) {
  SpaceWatch watch({.bytes_min = 10 * kMiB});
  watch.update(info(12 * kMiB), 0);
  auto first = watch.try_reserve(kMiB);
  ASSERT_TRUE(first);
  auto second = watch.try_reserve(kMiB);
  ASSERT_TRUE(second);
  const auto third = watch.try_reserve(1);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::disk_full);
  EXPECT_FALSE(watch.try_grow(*second, 1));
  EXPECT_EQ(second->bytes(), kMiB);
  first->release();
  EXPECT_TRUE(watch.try_grow(*second, kMiB));
  EXPECT_EQ(watch.reserved_bytes(), 2 * kMiB);
  // Less became free than was promised: nothing more is.
  watch.update(info(11 * kMiB), 0);
  EXPECT_FALSE(watch.try_reserve(0));
  { const SpaceReservation moved = std::move(*second); }
  EXPECT_EQ(watch.reserved_bytes(), 0U);
  EXPECT_TRUE(watch.try_reserve(kMiB));
  EXPECT_EQ(watch.reserved_bytes(), 0U);
}

TEST(SpaceWatch, WhatIsWrittenCountsUntilTheNextLook) {
  SpaceWatch watch({.bytes_min = 10 * kMiB});
  watch.update(info(14 * kMiB), 0);
  auto one = watch.try_reserve(3 * kMiB);
  ASSERT_TRUE(one);
  one->spend(2 * kMiB);
  EXPECT_EQ(one->bytes(), kMiB);
  EXPECT_EQ(watch.reserved_bytes(), 3 * kMiB);
  EXPECT_FALSE(watch.try_reserve(2 * kMiB));
  watch.update(info(12 * kMiB), 0);  // now the file system says so
  EXPECT_EQ(watch.reserved_bytes(), kMiB);
  EXPECT_TRUE(watch.try_reserve(kMiB));
  one->spend(5 * kMiB);
  EXPECT_EQ(one->bytes(), 0U);
  one->release();
  EXPECT_EQ(watch.reserved_bytes(), kMiB) << "written since";
}

TEST(SpaceWatch, SharersPromiseTheirPartOnly) {
  SpaceWatch watch({.bytes_min = 10 * kMiB, .sharers = 4});
  watch.update(info(18 * kMiB), 0);
  auto mine = watch.try_reserve(2 * kMiB);
  ASSERT_TRUE(mine);
  EXPECT_FALSE(watch.try_reserve(1));
}

TEST(SpaceWatch, LowMeansNoPromises) {
  SpaceWatch watch({.bytes_min = 80 * kMiB});
  watch.update(info(79 * kMiB), 0);
  watch.update(info(85 * kMiB), 0);
  EXPECT_FALSE(watch.try_reserve(1));
}

}  // namespace
}  // namespace postern::spool
