#include "appliance/spool/positions.h"

#include <gtest/gtest.h>

namespace postern::spool {
namespace {

const std::vector<ShardPosition> kTwo = {{ShardId(0), {{0x1a, 0xfedcba9876543210}, 8192}},
                                         {ShardId(17), {{UINT64_MAX, 1}, kSegmentBytesMax}}};
constexpr std::string_view kTwoText = "0 1a fedcba9876543210 8192\n17 ffffffffffffffff 1 4294967296\n";

TEST(Positions, ReadAsTheyAreWritten) {
  EXPECT_EQ(format_positions(kTwo), kTwoText);
  EXPECT_EQ(parse_positions(kTwoText), kTwo);
  EXPECT_EQ(parse_positions(""), std::vector<ShardPosition>());
}

TEST(Positions, CutAnywhereOnlyWholeLinesRead) {
  for (std::size_t cut = 0; cut < kTwoText.size(); ++cut) {
    const auto parsed = parse_positions(kTwoText.substr(0, cut));
    const bool at_line = cut == 0 || kTwoText[cut - 1] == '\n';
    EXPECT_EQ(parsed.has_value(), at_line) << cut;
  }
}

TEST(Positions, WhatDoesNotReadIsRefusedWhole) {
  for (const std::string_view text :
       {"unknown command\n", "0 1 1\n", "0 1 1 4096 \n", " 0 1 1 4096\n", "0  1 1 4096\n", "-1 1 1 4096\n", "65536 1 1 4096\n",
        "0 1 10000000000000000 4096\n", "0 1 1 4097\n", "0 1 1 8589934592\n", "0 1 1 4096\n0 2 2 4096\n",
        "1 1 1 4096\n0 2 2 4096\n", "0 1 1 4096\r\n", "\n"})
    EXPECT_FALSE(parse_positions(text)) << text;
}

}  // namespace
}  // namespace postern::spool
