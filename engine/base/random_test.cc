#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace postern {
namespace {

// Hands out what it was given.
class Scripted final : public Random {
 public:
  explicit Scripted(std::vector<std::uint64_t> values) : values_(std::move(values)) {}
  std::uint64_t next() override { return values_.at(at_++); }
  [[nodiscard]] std::size_t used() const { return at_; }

 private:
  std::vector<std::uint64_t> values_;
  std::size_t at_ = 0;
};

TEST(Random, TheSameSeedGivesTheSameSequence) {
  SeededRandom random(42);
  // splitmix64's published sequence cannot change, or failing seeds of old runs mean nothing.
  EXPECT_EQ(random.next(), 0xbdd732262feb6e95ULL);
  EXPECT_EQ(random.next(), 0x28efe333b266f103ULL);
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  SeededRandom random(1);
  for (const std::uint64_t bound : {1ULL, 2ULL, 3ULL, 10ULL, 1000ULL, 1ULL << 63, ~0ULL}) {
    for (int i = 0; i < 1000; ++i) ASSERT_LT(random.below(bound), bound);
  }
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen[random.below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(Random, BelowRefusesTheIncompleteLastStretch) {
  Scripted random({UINT64_MAX, UINT64_MAX - 1, 5});
  // 2^64 - 1 is a multiple of 3, so only the very last value is too much.
  EXPECT_EQ(random.below(3), (UINT64_MAX - 1) % 3);
  EXPECT_EQ(random.used(), 2U);
}

TEST(Random, TheKernelsGeneratorDiffers) {
  SystemRandom random;
  EXPECT_NE(random.next(), random.next());
}

}  // namespace
}  // namespace postern
