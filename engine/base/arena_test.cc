#include "engine/base/arena.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace postern {
namespace {

TEST(Arena, CopiesStayWhatTheyWereUntilClear) {
  SeededRandom random(1);
  Arena arena;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::pair<std::string, std::string_view>> copies;
    for (int i = 0; i < 200; ++i) {
      std::string text(random.below(i % 50 == 0 ? 5000 : 80), static_cast<char>('a' + i % 26));
      const std::string_view copy = arena.copy(text);
      copies.emplace_back(std::move(text), copy);
    }
    for (const auto& [text, copy] : copies) ASSERT_EQ(copy, text);
    arena.clear();
  }
}

TEST(Arena, ALargeRequestGetsABlockOfItsOwn) {
  Arena arena;
  const std::string large(100'000, 'x');
  EXPECT_EQ(arena.copy(large), large);
  EXPECT_EQ(arena.capacity(), large.size());
  EXPECT_EQ(arena.copy("small"), "small");
}

TEST(Arena, ClearKeepsOneSmallBlockAndNoMore) {
  Arena arena;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(arena.copy(std::string(500, 'x')).size(), 500U);
  EXPECT_GT(arena.capacity(), 50'000U);
  arena.clear();
  EXPECT_EQ(arena.capacity(), 1024U);
  static_cast<void>(arena.copy(std::string(1024, 'y')));
  EXPECT_EQ(arena.capacity(), 1024U) << "the block kept is used again from its start";
}

TEST(Arena, ClearKeepsTheSmallBlockBehindALargeOne) {
  Arena arena;
  static_cast<void>(arena.copy(std::string(5000, 'x')));
  static_cast<void>(arena.copy("small"));
  arena.clear();
  EXPECT_EQ(arena.capacity(), 1024U);
  EXPECT_EQ(arena.copy("again"), "again");
}

TEST(Arena, NothingCostsNothing) {
  Arena arena;
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.capacity(), 0U);
  arena.clear();
  EXPECT_EQ(arena.capacity(), 0U);
}

}  // namespace
}  // namespace postern
