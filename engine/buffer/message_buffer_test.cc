#include "engine/buffer/message_buffer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"

namespace postern {
namespace {

constexpr std::size_t kReceiveBytes = 2048;

// Stands for a receive buffer group: blocks of one size, each with its own bytes.
class Receiver final : public BlockOwner {
 public:
  Slice receive(std::string_view bytes) {
    if (free_.empty()) {
      memory_.push_back(std::make_unique<char[]>(kReceiveBytes));
      blocks_.push_back(
          std::make_unique<Block>(*this, memory_.back().get(), kReceiveBytes, static_cast<std::uint32_t>(blocks_.size())));
      free_.push_back(blocks_.back().get());
    }
    Block& block = *free_.back();
    free_.pop_back();
    std::copy(bytes.begin(), bytes.end(), block.bytes());
    return Slice(block, block.bytes(), bytes.size());
  }
  void release(Block& block) noexcept override {
    std::fill_n(block.bytes(), block.capacity(), '#');  // what is received next overwrites it
    free_.push_back(&block);
  }
  [[nodiscard]] std::size_t pinned_blocks() const { return blocks_.size() - free_.size(); }

 private:
  std::vector<std::unique_ptr<char[]>> memory_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Block*> free_;
};

class MessageBufferTest : public ::testing::Test {
 protected:
  BlockPool pool_;
  Receiver receiver_;
  MemoryBudget budget_{1024 * 1024};
};

TEST_F(MessageBufferTest, KeepsWholeBuffersAndCopiesCrumbs) {
  MessageBuffer buffer(pool_, budget_);
  const std::string large(2000, 'a');
  EXPECT_TRUE(buffer.append(receiver_.receive(large)));
  EXPECT_EQ(buffer.copied_bytes(), 0U);
  EXPECT_EQ(buffer.pinned_bytes(), kReceiveBytes);
  EXPECT_TRUE(buffer.append(receiver_.receive("crumb")));
  EXPECT_EQ(buffer.copied_bytes(), 5U);
  EXPECT_EQ(receiver_.pinned_blocks(), 1U);
  EXPECT_TRUE(buffer.append(receiver_.receive(large), true)) << "asked to copy";
  EXPECT_EQ(receiver_.pinned_blocks(), 1U);
  EXPECT_EQ(buffer.chain().to_string(), large + "crumb" + large);
  EXPECT_EQ(budget_.used(), buffer.pinned_bytes());
  buffer.clear();
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(pool_.used_bytes(), 0U);
  EXPECT_EQ(receiver_.pinned_blocks(), 0U);
}

// TCP cuts where it likes.
TEST_F(MessageBufferTest, ACrumbBetweenWholeBuffersIsKeptNowAndThen) {
  MessageBuffer buffer(pool_, budget_);
  const std::string large(2000, 'a');
  const auto append = [&](std::string_view bytes) { ASSERT_TRUE(buffer.append(receiver_.receive(bytes))); };
  for (int i = 0; i < 5; ++i) append(large);
  append("one");
  EXPECT_EQ(buffer.copied_bytes(), 0U);
  EXPECT_EQ(buffer.pinned_bytes(), 6 * kReceiveBytes) << "paid for";
  append(large);
  append("two");
  EXPECT_EQ(buffer.copied_bytes(), 3U) << "too soon behind the last one";
  for (int i = 0; i < 4; ++i) append(large);
  append("three");
  EXPECT_EQ(buffer.copied_bytes(), 3U);
  ASSERT_TRUE(buffer.append(receiver_.receive("four"), true));
  EXPECT_EQ(buffer.copied_bytes(), 7U) << "asked to copy";
  for (int i = 0; i < 20; ++i) append("z");
  EXPECT_EQ(buffer.copied_bytes(), 27U) << "who sends crumbs only is copied";
  buffer.clear();
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(receiver_.pinned_blocks(), 0U);
}

TEST_F(MessageBufferTest, CrumbsPinAboutWhatTheyHold) {
  MessageBuffer buffer(pool_, budget_);
  std::string model;
  for (int i = 0; i < 100'000; ++i) {
    const std::string_view byte(&"abcdefg"[i % 7], 1);
    ASSERT_TRUE(buffer.append(receiver_.receive(byte)));
    model += byte;
  }
  EXPECT_EQ(receiver_.pinned_blocks(), 0U);
  EXPECT_EQ(buffer.chain().to_string(), model);
  EXPECT_LE(buffer.pinned_bytes(), 2 * model.size() + 4096);
  EXPECT_LE(buffer.chain().slice_count(), 10U) << "crumbs are joined";
}

TEST_F(MessageBufferTest, PiecesOfOneBlockArePaidForOnce) {
  MessageBuffer buffer(pool_, budget_);
  const Slice whole = receiver_.receive(std::string(1000, 'a') + "." + std::string(1000, 'b'));
  EXPECT_TRUE(buffer.append(whole.sub(0, 1000)));
  EXPECT_TRUE(buffer.append(whole.sub(1001, 1000)));  // a stuffed dot left out
  EXPECT_EQ(buffer.pinned_bytes(), kReceiveBytes);
  EXPECT_EQ(buffer.chain().slice_count(), 2U);
  EXPECT_EQ(buffer.copied_bytes(), 0U);
}

TEST_F(MessageBufferTest, ATailMovesWithoutBeingCopied) {
  std::string model;
  MessageBuffer buffer(pool_, budget_);
  for (int i = 0; i < 8; ++i) {
    const std::string text(i % 2 == 0 ? 2000 : 50, static_cast<char>('a' + i));  // a whole block, or a crumb that is copied
    ASSERT_TRUE(buffer.append(receiver_.receive(text)));
    model += text;
  }
  const std::size_t used = budget_.used();
  MessageBuffer tail(pool_, budget_);
  buffer.move_tail(2001, tail);
  EXPECT_EQ(buffer.chain().to_string(), model.substr(0, 2001));
  EXPECT_EQ(tail.chain().to_string(), model.substr(2001));
  EXPECT_EQ(buffer.pinned_bytes() + tail.pinned_bytes(), budget_.used());
  EXPECT_LE(budget_.used(), used + BlockPool::kSizes[1]) << "only a block that both have is counted twice";
  EXPECT_TRUE(buffer.append(receiver_.receive("crumb"))) << "goes on behind what stayed";
  EXPECT_EQ(buffer.chain().to_string(), model.substr(0, 2001) + "crumb");
  EXPECT_EQ(tail.chain().to_string(), model.substr(2001));
  buffer.move_tail(buffer.size(), tail);
  EXPECT_EQ(tail.chain().to_string(), model.substr(2001)) << "nothing lies behind everything";
  buffer.clear();
  tail.clear();
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(receiver_.pinned_blocks(), 0U);
}

// A message of nothing but stuffed dots: each line would be a slice of its own, several times larger than the line.
TEST_F(MessageBufferTest, ManySmallPiecesDoNotBecomeManySlices) {
  MessageBuffer buffer(pool_, budget_);
  std::string model;
  for (int i = 0; i < 100; ++i) {
    std::string received(600, 'x');  // enough for the block to be kept
    model += received;
    ASSERT_LT(received.size(), kReceiveBytes);
    while (received.size() + 4 <= kReceiveBytes) received += "..\r\n";
    const Slice whole = receiver_.receive(received);
    ASSERT_TRUE(buffer.append(whole.sub(0, 600)));
    for (std::size_t at = 600; at < received.size(); at += 4) {
      ASSERT_TRUE(buffer.append(whole.sub(at + 1, 3)));
      model += ".\r\n";
    }
  }
  EXPECT_EQ(buffer.chain().to_string(), model);
  EXPECT_LE(buffer.chain().slice_count() * sizeof(Slice), model.size() / 4) << "what the slices themselves take is bounded";
  EXPECT_GE(buffer.pinned_bytes(), model.size());
}

TEST_F(MessageBufferTest, AppendsWholeOrNotAtAll) {
  MemoryBudget none(1024);
  MessageBuffer full(pool_, none);
  ASSERT_TRUE(full.append(receiver_.receive(std::string(400, 'c'))));
  ASSERT_TRUE(full.append(receiver_.receive(std::string(400, 'd'))));
  EXPECT_FALSE(full.append(receiver_.receive(std::string(400, 'e')))) << "only half of it would fit";
  EXPECT_EQ(full.chain().to_string(), std::string(400, 'c') + std::string(400, 'd'));
  EXPECT_EQ(full.copied_bytes(), 800U);
  EXPECT_TRUE(full.append(receiver_.receive(std::string(224, 'f')))) << "what fits the room still goes in";
  EXPECT_FALSE(full.append(receiver_.receive(std::string(2000, 'g'))));
  EXPECT_EQ(full.size(), 1024U);
  EXPECT_EQ(none.used(), 1024U);
  full.clear();
  EXPECT_EQ(none.used(), 0U);
}

TEST_F(MessageBufferTest, LiteralsCostNothing) {
  MessageBuffer buffer(pool_, budget_);
  EXPECT_TRUE(buffer.append(Slice::literal("Received: by us\r\n"), true));
  EXPECT_TRUE(buffer.append(Slice()));
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(buffer.copied_bytes(), 0U);
}

TEST_F(MessageBufferTest, BehavesLikeAStringAndTheBudgetAddsUp) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SeededRandom random(seed);
    MemoryBudget budget(20'000 + random.below(400'000));
    {
      std::array<std::optional<MessageBuffer>, 3> buffers;
      std::array<std::string, 3> models;
      for (auto& buffer : buffers) buffer.emplace(pool_, budget);
      for (int step = 0; step < 400; ++step) {
        const std::size_t i = random.below(3);
        if (random.below(60) == 0) {
          buffers[i]->clear();
          models[i].clear();
        }
        std::string text(1 + random.below(1ULL << random.below(12)), static_cast<char>('a' + step % 26));
        text.resize(std::min(text.size(), kReceiveBytes));
        const Slice slice = receiver_.receive(text);
        for (std::size_t at = 0; at < text.size();) {
          const std::size_t count = std::min<std::size_t>(text.size() - at, 1 + random.below(1ULL << random.below(12)));
          const std::size_t before = buffers[i]->size();
          if (buffers[i]->append(slice.sub(at, count), random.below(4) == 0))
            models[i] += text.substr(at, count);
          else
            ASSERT_EQ(buffers[i]->size(), before);
          at += count + random.below(2);
        }
        std::size_t pinned = 0;
        for (std::size_t k = 0; k < 3; ++k) {
          ASSERT_EQ(buffers[k]->size(), models[k].size());
          pinned += buffers[k]->pinned_bytes();
        }
        ASSERT_EQ(budget.used(), pinned);
        ASSERT_LE(budget.used(), budget.bytes_max());
        ASSERT_GE(pinned, pool_.used_bytes());
      }
      for (std::size_t k = 0; k < 3; ++k) ASSERT_EQ(buffers[k]->chain().to_string(), models[k]);
    }
    ASSERT_EQ(budget.used(), 0U);
    ASSERT_EQ(pool_.used_bytes(), 0U);
    ASSERT_EQ(receiver_.pinned_blocks(), 0U);
  }
}

TEST(MemoryBudget, TakesToTheLastByteAndNoFurther) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.try_take(100));
  EXPECT_FALSE(budget.try_take(1));
  EXPECT_TRUE(budget.try_take(0));
  budget.give_back(40);
  EXPECT_FALSE(budget.try_take(SIZE_MAX));
  EXPECT_TRUE(budget.try_take(40));
  EXPECT_EQ(budget.used(), 100U);
}

}  // namespace
}  // namespace postern
