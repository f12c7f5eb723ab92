#include "engine/smtp/reply_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/smtp/reply.h"

namespace postern::smtp {
namespace {

using namespace std::string_view_literals;

struct Outcome {
  ReplyStatus status;
  std::size_t consumed;
  int code;
  std::string text;
  std::size_t lines;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(ReplyRules rules, std::string_view wire, std::size_t first_piece, std::size_t other_pieces) {
  ReplyParser parser(rules);
  std::size_t consumed = 0;
  ReplyParser::Step step;
  std::size_t piece = first_piece;
  while (consumed < wire.size()) {
    const std::string owned(wire.substr(consumed, piece));
    step = parser.feed(owned);
    consumed += step.consumed;
    if (step.status != ReplyStatus::need_more) break;
    piece = other_pieces;
  }
  return {step.status, consumed, parser.code(), std::string(parser.text()), parser.line_count()};
}

Outcome read_every_way(ReplyRules rules, std::string_view wire) {
  const Outcome whole = read(rules, wire, wire.size(), wire.size());
  const bool is_complete = whole.status == ReplyStatus::complete;
  const auto expect_same = [&](const Outcome& other, std::size_t cut) {
    EXPECT_EQ(other.status, whole.status) << "cut at " << cut;
    if (!is_complete) return;
    EXPECT_TRUE(other == whole) << "cut at " << cut;
  };
  for (std::size_t cut = 1; cut < wire.size(); ++cut) expect_same(read(rules, wire, cut, wire.size()), cut);
  expect_same(read(rules, wire, 1, 1), wire.size());
  return whole;
}

struct GoodCase {
  std::string_view wire;
  int code;
  EnhancedCode enhanced;
  std::string_view text;
  std::size_t lines;
};

constexpr GoodCase kGood[] = {
    {"250 OK\r\n", 250, {}, "OK", 1},
    {"250\r\n", 250, {}, "", 1},
    {"250 \r\n", 250, {}, "", 1},
    {"250-\r\n250\r\n", 250, {}, "\n", 2},
    {"250-\r\n250-x\r\n250 \r\n", 250, {}, "\nx\n", 3},
    {"250-mx Hello\r\n250-SIZE 100\r\n250 HELP\r\n", 250, {}, "mx Hello\nSIZE 100\nHELP", 3},
    {"550 5.7.1 no\r\n", 550, {5, 7, 1}, "5.7.1 no", 1},
    {"550-5.7.1 no\r\n550 5.7.1 never\r\n", 550, {5, 7, 1}, "5.7.1 no\n5.7.1 never", 2},
    {"550-no\r\n550 5.7.1 never\r\n", 550, {}, "no\n5.7.1 never", 2},
    {"250 5.7.1 odd\r\n", 250, {}, "5.7.1 odd", 1},
    {"354 go\r\n", 354, {}, "go", 1},
    {"299 x\r\n", 299, {}, "x", 1},
    {"421  two blanks\r\n", 421, {}, " two blanks", 1},
    {"220 \x01\xff\r\n", 220, {}, "\x01\xff", 1},
    {"220--x\r\n220 -\r\n", 220, {}, "-x\n-", 2},
};

TEST(ReplyParser, Good) {
  for (const GoodCase& c : kGood) {
    SCOPED_TRACE(::testing::PrintToString(c.wire));
    for (const bool allow_bare_lf : {false, true}) {
      const std::string wire = std::string(c.wire) + "220 next\r\n";
      const Outcome outcome = read_every_way({.allow_bare_lf = allow_bare_lf}, wire);
      EXPECT_EQ(outcome.status, ReplyStatus::complete);
      EXPECT_EQ(outcome.consumed, c.wire.size());
      EXPECT_EQ(outcome.code, c.code);
      EXPECT_EQ(outcome.text, c.text);
      EXPECT_EQ(outcome.lines, c.lines);
      for (std::size_t cut = 1; cut < c.wire.size(); ++cut)
        EXPECT_EQ(read({}, c.wire.substr(0, cut), cut, 1).status, ReplyStatus::need_more) << cut;
    }
    ReplyParser parser;
    ASSERT_EQ(parser.feed(c.wire).status, ReplyStatus::complete);
    EXPECT_EQ(parser.enhanced(), c.enhanced);
    EXPECT_EQ(parser.is_positive(), c.code < 400);
    EXPECT_FALSE(parser.had_bare_lf());
  }
}

constexpr std::string_view kBad[] = {
    "\r\n",         " 250 OK\r\n", "OK\r\n",     "25 OK\r\n",          "2500 OK\r\n",        "150 x\r\n",      "650 x\r\n",
    "25a x\r\n",    "250:OK\r\n",  "250_OK\r\n", "250-a\r\n251 b\r\n", "250-a\r\n550 b\r\n", "250-a\r\nb\r\n", "250 O\rK\r\n",
    "250 OK\r\r\n", "250\rx",      "+OK\r\n",    "SSH-2.0-x\r\n",      "\0\0\0"sv,
};

TEST(ReplyParser, Bad) {
  for (const std::string_view wire : kBad) {
    SCOPED_TRACE(::testing::PrintToString(wire));
    for (const bool allow_bare_lf : {false, true}) {
      const Outcome outcome = read_every_way({.allow_bare_lf = allow_bare_lf}, wire);
      EXPECT_EQ(outcome.status, ReplyStatus::malformed);
    }
  }
}

TEST(ReplyParser, BareLfByFlagOnly) {
  for (const std::string_view wire : {"250 OK\n", "250\n", "250-a\n250 b\r\n", "250-a\r\n250 b\n"}) {
    EXPECT_EQ(read_every_way({}, wire).status, ReplyStatus::malformed);
    const Outcome outcome = read_every_way({.allow_bare_lf = true}, wire);
    EXPECT_EQ(outcome.status, ReplyStatus::complete);
    EXPECT_EQ(outcome.consumed, wire.size());
  }
  ReplyParser parser({.allow_bare_lf = true});
  EXPECT_EQ(parser.feed("250 OK\n").status, ReplyStatus::complete);
  EXPECT_TRUE(parser.had_bare_lf());
  EXPECT_EQ(parser.feed("250 OK\r\n").status, ReplyStatus::complete);
  EXPECT_FALSE(parser.had_bare_lf());
}

TEST(ReplyParser, Limits) {
  const ReplyRules rules{.limits = {.line_bytes_max = 10, .lines_max = 3, .text_bytes_max = 12}};
  EXPECT_EQ(read_every_way(rules, "250 123456\r\n").status, ReplyStatus::complete);
  EXPECT_EQ(read_every_way(rules, "250 1234567\r\n").status, ReplyStatus::too_long);
  EXPECT_EQ(read_every_way(rules, "250-1\r\n250-2\r\n250 3\r\n").status, ReplyStatus::complete);
  EXPECT_EQ(read_every_way(rules, "250-1\r\n250-2\r\n250-3\r\n250 4\r\n").status, ReplyStatus::too_long);
  EXPECT_EQ(read_every_way(rules, "250-12345\r\n250 123456\r\n").status, ReplyStatus::complete);
  EXPECT_EQ(read_every_way(rules, "250-123456\r\n250 123456\r\n").status, ReplyStatus::too_long);
  // Endless text holds no more than the limit.
  ReplyParser parser(rules);
  ReplyParser::Step step = parser.feed("250 ");
  for (int i = 0; i < 100; ++i) step = parser.feed(std::string(1000, 'x'));
  EXPECT_EQ(step.status, ReplyStatus::too_long);
  EXPECT_LE(parser.text().size(), rules.limits.text_bytes_max);
}

TEST(ReplyParser, PipelinedRepliesAndFailureThatStays) {
  ReplyParser parser;
  std::string_view wire = "250 OK\r\n550-5.1.1 who\r\n550 5.1.1 is that\r\n354 go\r\nrubbish";
  std::string codes;
  for (;;) {
    const ReplyParser::Step step = parser.feed(wire);
    wire.remove_prefix(step.consumed);
    if (step.status != ReplyStatus::complete) {
      EXPECT_EQ(step.status, ReplyStatus::malformed);
      break;
    }
    codes += std::to_string(parser.code()) + " ";
  }
  EXPECT_EQ(codes, "250 550 354 ");
  EXPECT_EQ(parser.feed("250 OK\r\n").status, ReplyStatus::malformed);
  parser.begin();
  EXPECT_EQ(parser.feed("250 OK\r\n").status, ReplyStatus::complete);
}

// What we write, we read.
TEST(ReplyParser, ReadsOurOwnReplies) {
  std::string text;
  while (text.size() < 3000) text += "some words\nand \r more ";
  std::string wire;
  append_reply(wire, {451, {4, 3, 0}, text});
  ReplyParser parser;
  const ReplyParser::Step step = parser.feed(wire);
  EXPECT_EQ(step.status, ReplyStatus::complete);
  EXPECT_EQ(step.consumed, wire.size());
  EXPECT_EQ(parser.code(), 451);
  EXPECT_EQ(parser.enhanced(), (EnhancedCode{4, 3, 0}));
}

}  // namespace
}  // namespace postern::smtp
