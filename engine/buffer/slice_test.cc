#include "engine/buffer/slice.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace postern {
namespace {

// One block that counts how often it was released.
class Owner final : public BlockOwner {
 public:
  explicit Owner(std::string text)
      : text_(std::move(text)), block(*this, text_.data(), static_cast<std::uint32_t>(text_.size()), 7) {}
  void release(Block&) noexcept override { ++released; }
  int released = 0;

 private:
  std::string text_;

 public:
  Block block;
};

TEST(Slice, PinsItsBlock) {
  Owner owner("hello, world");
  {
    const Slice all(owner.block, owner.block.bytes(), 12);
    EXPECT_EQ(all.view(), "hello, world");
    EXPECT_EQ(all.pinned_bytes(), 12U);
    EXPECT_EQ(all.block()->index(), 7U);
    const Slice part = all.sub(7, 5);
    EXPECT_EQ(part.view(), "world");
    EXPECT_EQ(owner.block.references(), 2U);
  }
  EXPECT_EQ(owner.released, 1);
}

TEST(Slice, CopiesAndMovesCountRight) {
  Owner owner("abc");
  Slice a(owner.block, owner.block.bytes(), 3);
  Slice b = a;
  EXPECT_EQ(owner.block.references(), 2U);
  Slice c = std::move(a);
  EXPECT_EQ(owner.block.references(), 2U);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
  b = c;
  EXPECT_EQ(owner.block.references(), 2U);
  const Slice& same = b;
  b = same;
  EXPECT_EQ(b.view(), "abc");
  Slice& alias = b;
  b = std::move(alias);
  EXPECT_EQ(b.view(), "abc");
  b.reset();
  b.reset();
  EXPECT_EQ(owner.block.references(), 1U);
  c = Slice();
  EXPECT_EQ(owner.released, 1);
}

TEST(Slice, Trims) {
  Owner owner("0123456789");
  Slice slice(owner.block, owner.block.bytes(), 10);
  slice.remove_prefix(2);
  slice.remove_suffix(3);
  EXPECT_EQ(slice.view(), "23456");
  EXPECT_EQ(slice.sub(0, 5).view(), "23456");
  EXPECT_EQ(slice.sub(5, 0).view(), "");
  slice.remove_prefix(5);
  EXPECT_TRUE(slice.empty());
  EXPECT_EQ(owner.block.references(), 1U) << "an empty slice of a block still pins it";
}

TEST(Slice, LiteralsPinNothing) {
  Slice literal = Slice::literal("354 go\r\n");
  EXPECT_EQ(literal.pinned_bytes(), 0U);
  EXPECT_EQ(literal.block(), nullptr);
  const Slice part = literal.sub(4, 2);
  literal.reset();
  EXPECT_EQ(part.view(), "go");
  EXPECT_EQ(Slice().view(), "");
}

TEST(Slice, RandomLivesEndInExactlyOneRelease) {
  SeededRandom random(11);
  for (int round = 0; round < 200; ++round) {
    Owner owner(std::string(64, 'x'));
    std::vector<Slice> slices;
    slices.emplace_back(owner.block, owner.block.bytes(), 64);
    for (int step = 0; step < 100 && !slices.empty(); ++step) {
      const std::size_t i = random.below(slices.size());
      const std::size_t j = random.below(slices.size());
      switch (random.below(5)) {
        case 0: slices.push_back(slices[i]); break;
        case 1: {
          const std::size_t from = random.below(slices[i].size() + 1);
          slices.push_back(slices[i].sub(from, random.below(slices[i].size() - from + 1)));
          break;
        }
        case 2: slices[i] = std::move(slices[j]); break;
        case 3: slices[i] = slices[j]; break;
        default: slices.erase(slices.begin() + static_cast<std::ptrdiff_t>(i)); break;
      }
      std::uint32_t pinning = 0;
      for (const Slice& slice : slices) pinning += slice.block() != nullptr ? 1 : 0;
      ASSERT_EQ(owner.block.references(), pinning);
      ASSERT_EQ(owner.released, pinning == 0 ? 1 : 0);
      if (pinning == 0) break;
    }
    slices.clear();
    ASSERT_EQ(owner.released, 1);
  }
}

TEST(SliceDeathTest, BoundsAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Slice slice = Slice::literal("abc");
  EXPECT_DEATH(slice.remove_prefix(4), "check failed");
  EXPECT_DEATH(slice.remove_suffix(4), "check failed");
  EXPECT_DEATH(static_cast<void>(slice.sub(2, 2)), "check failed");
  EXPECT_DEATH(static_cast<void>(slice.sub(4, 0)), "check failed");
  EXPECT_DEATH(static_cast<void>(slice.sub(1, SIZE_MAX)), "check failed");
}

}  // namespace
}  // namespace postern
