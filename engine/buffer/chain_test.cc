#include "engine/buffer/chain.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/output_buffer.h"

namespace postern {
namespace {

TEST(Chain, KeepsOrderAndDropsEmptySlices) {
  Chain chain;
  EXPECT_TRUE(chain.empty());
  for (const char* text : {"one ", "", "two ", "three ", "four ", "five ", "six"}) chain.append(Slice::literal(text));
  EXPECT_EQ(chain.to_string(), "one two three four five six");
  EXPECT_EQ(chain.size(), 27U);
  EXPECT_EQ(chain.slice_count(), 6U);
  EXPECT_EQ(chain[4].view(), "five ");
  std::string out = "> ";
  chain.copy_to(out);
  EXPECT_EQ(out, "> one two three four five six");
}

TEST(Chain, MergesWhatContinuesInTheSameBlock) {
  BlockPool pool;
  const Slice whole = copy_to_slice(pool, "0123456789");
  Chain chain;
  chain.append(whole.sub(0, 3));
  chain.append(whole.sub(3, 3));
  EXPECT_EQ(chain.slice_count(), 1U);
  chain.append(whole.sub(7, 3));  // a gap
  EXPECT_EQ(chain.slice_count(), 2U);
  chain.append(whole.sub(0, 1));  // back to the front
  EXPECT_EQ(chain.slice_count(), 3U);
  EXPECT_EQ(chain.to_string(), "0123457890");
  const Slice other = copy_to_slice(pool, "x");
  chain.append(other.sub(0, 1));
  EXPECT_EQ(chain.slice_count(), 4U);
}

TEST(Chain, MovesLeaveTheSourceEmpty) {
  BlockPool pool;
  Chain from;
  for (int i = 0; i < 10; ++i) from.append(copy_to_slice(pool, std::to_string(i)));
  Chain to = std::move(from);
  EXPECT_EQ(to.to_string(), "0123456789");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
  EXPECT_EQ(from.slice_count(), 0U);
  from.append(Slice::literal("again"));
  EXPECT_EQ(from.to_string(), "again");
  from = std::move(to);
  EXPECT_EQ(from.to_string(), "0123456789");
  EXPECT_TRUE(to.empty());
  Chain& same = from;
  from = std::move(same);
  EXPECT_EQ(from.to_string(), "0123456789");
  from.append(std::move(from));
  EXPECT_EQ(from.to_string(), "0123456789");
}

TEST(Chain, ClearGivesBlocksBack) {
  BlockPool pool;
  Chain chain;
  for (int i = 0; i < 20; ++i) chain.append(copy_to_slice(pool, "text"));
  EXPECT_EQ(pool.used_bytes(), 20U * 1024);
  chain.clear();
  EXPECT_EQ(pool.used_bytes(), 0U);
  EXPECT_TRUE(chain.empty());
  chain.release_room();
  chain.append(Slice::literal("x"));
  EXPECT_EQ(chain.to_string(), "x");
}

TEST(Chain, BehavesLikeAString) {
  SeededRandom random(12);
  for (int round = 0; round < 200; ++round) {
    BlockPool pool;
    {
      std::array<Chain, 3> chains;
      std::array<std::string, 3> models;
      for (int step = 0; step < 60; ++step) {
        const std::size_t i = random.below(3);
        const std::size_t j = random.below(3);
        switch (random.below(8)) {
          case 0: {
            chains[i] = std::move(chains[j]);
            if (i != j) models[i] = std::exchange(models[j], "");
            break;
          }
          case 1: {
            chains[i].append(std::move(chains[j]));
            if (i != j) models[i] += std::exchange(models[j], "");
            break;
          }
          case 2:
            chains[i].clear();
            models[i].clear();
            break;
          case 3:
            chains[i].append(Slice::literal("literal"));
            models[i] += "literal";
            break;
          default: {
            std::string text(random.below(40), static_cast<char>('a' + step % 26));
            const Slice slice = copy_to_slice(pool, text);
            // In pieces, of which some are left out.
            for (std::size_t at = 0; at < text.size();) {
              const std::size_t count = 1 + random.below(text.size() - at);
              if (random.below(4) != 0) {
                chains[i].append(slice.sub(at, count));
                models[i] += text.substr(at, count);
              }
              at += count;
            }
          }
        }
        for (std::size_t k = 0; k < 3; ++k) {
          ASSERT_EQ(chains[k].to_string(), models[k]);
          ASSERT_EQ(chains[k].size(), models[k].size());
          ASSERT_EQ(chains[k].empty(), models[k].empty());
        }
      }
    }
    ASSERT_EQ(pool.used_bytes(), 0U);
  }
}

TEST(BlockPool, PicksTheSmallestSizeThatHolds) {
  BlockPool pool;
  const struct {
    std::size_t wanted;
    std::uint32_t capacity;
  } cases[] = {{0, 1024}, {1, 1024}, {1024, 1024}, {1025, 4096}, {4096, 4096}, {4097, 16384}, {16385, 65536}, {65536, 65536}};
  for (const auto& c : cases) {
    Block& block = pool.acquire(c.wanted);
    EXPECT_EQ(block.capacity(), c.capacity) << c.wanted;
    EXPECT_EQ(pool.used_bytes(), c.capacity);
    pool.release(block);
    EXPECT_EQ(pool.used_bytes(), 0U);
  }
}

TEST(BlockPool, UsesBlocksAgainAndKeepsNoMoreThanItsCap) {
  BlockPool pool;
  Block* first = &pool.acquire(100);
  pool.release(*first);
  EXPECT_EQ(&pool.acquire(200), first);
  pool.release(*first);
  std::vector<Slice> slices;
  for (int i = 0; i < 100; ++i) slices.push_back(copy_to_slice(pool, std::string(60'000, 'x')));
  EXPECT_EQ(pool.used_bytes(), 100U * 65536);
  slices.clear();
  EXPECT_EQ(pool.used_bytes(), 0U);
  EXPECT_LE(pool.spare_bytes(), 1024U * 1024 + 1024U);
  for (int i = 0; i < 10'000; ++i) slices.push_back(copy_to_slice(pool, "x"));
  slices.clear();
  EXPECT_LE(pool.spare_bytes(), 2 * 1024U * 1024);
}

TEST(BlockPoolDeathTest, TooMuchAtOnceIsOurMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  BlockPool pool;
  EXPECT_DEATH(static_cast<void>(pool.acquire(BlockPool::kLargest + 1)), "check failed");
  EXPECT_DEATH(
      {
        BlockPool leaky;
        static_cast<void>(leaky.acquire(1));
      },
      "check failed");
}

TEST(OutputBuffer, GathersTextAndSlicesInOrder) {
  SeededRandom random(13);
  BlockPool pool;
  {
    OutputBuffer output(pool);
    EXPECT_TRUE(output.empty());
    for (int round = 0; round < 50; ++round) {
      std::string model;
      const std::size_t parts = random.below(20);
      for (std::size_t i = 0; i < parts; ++i) {
        const std::string text(random.below(i % 7 == 0 ? 9000 : 80), static_cast<char>('a' + i));
        if (random.below(3) == 0)
          output.append(copy_to_slice(pool, text));
        else
          output.append(text);
        model += text;
      }
      ASSERT_EQ(output.size(), model.size());
      Chain taken = output.take();
      ASSERT_EQ(taken.to_string(), model);
      ASSERT_TRUE(output.empty());
      // What was taken stays as it is while the buffer is filled again.
      output.append("later");
      ASSERT_EQ(taken.to_string(), model);
      ASSERT_EQ(output.take().to_string(), "later");
    }
    EXPECT_EQ(pool.used_bytes(), 0U) << "an empty buffer holds no memory";
    output.append("250 OK\r\n");
    output.append("250 OK\r\n");
    EXPECT_EQ(pool.used_bytes(), 1024U);
    EXPECT_EQ(output.take().slice_count(), 1U) << "replies share a slice";
  }
  EXPECT_EQ(pool.used_bytes(), 0U);
}

}  // namespace
}  // namespace postern
