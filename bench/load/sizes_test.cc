#include "bench/load/sizes.h"

#include <gtest/gtest.h>

#include <map>

namespace postern::load {
namespace {

TEST(Sizes, Bytes) {
  EXPECT_EQ(parse_bytes("2k", 1 << 20), 2048U);
  EXPECT_EQ(parse_bytes("1M", 1 << 20), 1U << 20);
  EXPECT_EQ(parse_bytes("0", 10), 0U);
  EXPECT_EQ(parse_bytes("10", 10), 10U);
  for (const char* text :
       {"", "k", "2kk", "-1", "+1", " 1", "1 ", "1.5k", "11", "1k", "18446744073709551616", "99999999999999999M"})
    EXPECT_FALSE(parse_bytes(text, 10)) << text;
}

TEST(Sizes, OneSizeIsAlwaysThat) {
  const auto sizes = SizeDistribution::parse("2k");
  ASSERT_TRUE(sizes) << sizes.error();
  SeededRandom random(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sizes->draw(random).bytes, 2048U);
}

TEST(Sizes, ARangeReachesItsEnds) {
  const auto sizes = SizeDistribution::parse("300-303");
  ASSERT_TRUE(sizes) << sizes.error();
  SeededRandom random(1);
  std::map<std::size_t, int> seen;
  for (int i = 0; i < 4000; ++i) ++seen[sizes->draw(random).bytes];
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen.begin()->first, 300U);
  EXPECT_EQ(seen.rbegin()->first, 303U);
  for (const auto& [size, count] : seen) EXPECT_NEAR(count, 1000, 150) << size;
}

TEST(Sizes, WeightsDecide) {
  const auto sizes = SizeDistribution::parse("2k:70,20k:25,200k-201k:5");
  ASSERT_TRUE(sizes) << sizes.error();
  ASSERT_EQ(sizes->shares().size(), 3U);
  SeededRandom random(3);
  std::map<std::size_t, int> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto draw = sizes->draw(random);
    ++seen[draw.share];
    EXPECT_GE(draw.bytes, sizes->shares()[draw.share].from);
    EXPECT_LE(draw.bytes, sizes->shares()[draw.share].to);
  }
  EXPECT_NEAR(seen[0], 7000, 200);
  EXPECT_NEAR(seen[1], 2500, 200);
  EXPECT_NEAR(seen[2], 500, 100);
}

TEST(Sizes, WhatIsNoSizeIsRefused) {
  for (const char* text : {"", "x", "2k,", ",2k", "2k:0", "2k:", "2k:x", "5k-2k", "-", "2k-", "-2k", "199", "65M", "2k:1:1",
                           "1k-2k-3k", "2k:1000001", "10-20"})
    EXPECT_FALSE(SizeDistribution::parse(text)) << text;
  std::string many = "1k";
  for (std::size_t i = 1; i < SizeDistribution::kSharesMax; ++i) many += ",1k";
  EXPECT_TRUE(SizeDistribution::parse(many));
  EXPECT_FALSE(SizeDistribution::parse(many + ",1k"));
}

}  // namespace
}  // namespace postern::load
