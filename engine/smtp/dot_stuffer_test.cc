#include "engine/smtp/dot_stuffer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "engine/base/random.h"
#include "engine/smtp/body_testing.h"
#include "engine/smtp/data_reader.h"

namespace postern::smtp {
namespace {

using namespace std::string_view_literals;

std::string stuffed(std::string_view text, std::size_t cut) {
  DotStuffer stuffer;
  Chain out;
  stuffer.stuff(Slice::literal(text.substr(0, cut)), out);
  stuffer.stuff(Slice::literal(text.substr(cut)), out);
  stuffer.finish(out);
  return out.to_string();
}

struct StuffCase {
  std::string_view text;
  std::string_view wire;
};

constexpr StuffCase kCases[] = {
    {"", ".\r\n"},
    {"x\r\n", "x\r\n.\r\n"},
    {"x", "x\r\n.\r\n"},
    {".\r\n", "..\r\n.\r\n"},
    {"..\r\n", "...\r\n.\r\n"},
    {".", "..\r\n.\r\n"},
    {"a\r\n.b\r\n", "a\r\n..b\r\n.\r\n"},
    {"a\r\n.\r\n.\r\n", "a\r\n..\r\n..\r\n.\r\n"},
    {"a.b\r\n", "a.b\r\n.\r\n"},
    {"\r\n", "\r\n.\r\n"},
    {"x\r\ny\r", "x\r\ny\r\r\n.\r\n"},
    {"x\n.y\r\n", "x\n.y\r\n.\r\n"},
    {"nul \0 and \xff\r\n"sv, "nul \0 and \xff\r\n.\r\n"sv},
};

TEST(DotStuffer, EveryCaseCutAtEveryByte) {
  for (const StuffCase& c : kCases)
    for (std::size_t cut = 0; cut <= c.text.size(); ++cut)
      EXPECT_EQ(stuffed(c.text, cut), c.wire) << c.text << " cut at " << cut;
}

TEST(DotStuffer, WhatDataReaderMakesOfItIsTheText) {
  SeededRandom random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t lines = random.below(8); lines > 0; --lines) {
      for (std::uint64_t bytes = random.below(5); bytes > 0; --bytes) text += ".ab\xe9"[random.below(4)];
      text += "\r\n";
    }
    DataReader reader(BareNewline::reject);
    testing::BodyRun run;
    const std::string wire = stuffed(text, random.below(text.size() + 1));
    testing::feed(reader, wire, run);
    EXPECT_TRUE(run.is_complete);
    EXPECT_EQ(run.consumed, wire.size());
    EXPECT_EQ(run.stored, text);
  }
}

TEST(DotStuffer, CopiesNothing) {
  const std::string_view text = ".a\r\n.b\r\n";
  DotStuffer stuffer;
  Chain out;
  stuffer.stuff(Slice::literal(text), out);
  ASSERT_EQ(out.slice_count(), 3U);
  EXPECT_EQ(out[0].data(), text.data());
  EXPECT_EQ(out[1].data(), text.data());
  EXPECT_EQ(out[2].data(), text.data() + 4);
}

}  // namespace
}  // namespace postern::smtp
