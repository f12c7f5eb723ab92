#include "appliance/delivery/recipient_set.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "engine/base/random.h"

namespace postern::delivery {
namespace {

TEST(RecipientSet, BehavesAsASet) {
  SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t bound = 1 + random.below(round % 2 == 0 ? 64 : 400);
    RecipientSet set;
    std::set<std::uint32_t> model;
    for (int i = 0; i < 60; ++i) {
      const auto index = static_cast<std::uint32_t>(random.below(bound));
      EXPECT_EQ(set.insert(index), model.insert(index).second);
    }
    EXPECT_EQ(set.size(), model.size());
    std::vector<std::uint32_t> seen;
    set.for_each([&](std::uint32_t index) { seen.push_back(index); });
    EXPECT_EQ(seen, std::vector<std::uint32_t>(model.begin(), model.end()));
    for (std::uint32_t index = 0; index < 500; ++index) EXPECT_EQ(set.contains(index), model.contains(index));
  }
}

}  // namespace
}  // namespace postern::delivery
