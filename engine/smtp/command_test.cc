#include "engine/smtp/command.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::smtp {
namespace {

constexpr std::size_t kMax = 64;
using namespace std::string_view_literals;

struct CommandCase {
  std::string_view wire;
  Verb verb;
  std::string_view args;
};

constexpr CommandCase kGood[] = {
    {"EHLO mx.example.org\r\n", Verb::ehlo, "mx.example.org"},
    {"helo x\r\n", Verb::helo, "x"},
    {"LHLO x\r\n", Verb::lhlo, "x"},
    {"MAIL FROM:<a@example.org> SIZE=100\r\n", Verb::mail, "FROM:<a@example.org> SIZE=100"},
    {"rCpT To:<b@example.org>\r\n", Verb::rcpt, "To:<b@example.org>"},
    {"DATA\r\n", Verb::data, ""},
    {"DATA  \t\r\n", Verb::data, ""},
    {"BDAT 100 LAST\r\n", Verb::bdat, "100 LAST"},
    {"RSET\r\n", Verb::rset, ""},
    {"NOOP anything at all \r\n", Verb::noop, "anything at all"},
    {"VRFY a\r\n", Verb::vrfy, "a"},
    {"EXPN a\r\n", Verb::expn, "a"},
    {"HELP\tMAIL\r\n", Verb::help, "MAIL"},
    {"QUIT\r\n", Verb::quit, ""},
    {"ETRN #a\r\n", Verb::etrn, "#a"},
    {"STARTTLS\r\n", Verb::starttls, ""},
    {"starttls\r\n", Verb::starttls, ""},
    {"AUTH PLAIN AGEAYg==\r\n", Verb::auth, "PLAIN AGEAYg=="},
    {"XCLIENT ADDR=192.0.2.1\r\n", Verb::xclient, "ADDR=192.0.2.1"},
    {"\r\n", Verb::unknown, ""},
    {" QUIT\r\n", Verb::unknown, "QUIT"},
    {"QUITT\r\n", Verb::unknown, ""},
    {"QUI\r\n", Verb::unknown, ""},
    {"MAILFROM:<>\r\n", Verb::unknown, ""},
    {"ST\x01RTTLS\r\n", Verb::unknown, ""},
    {"1%)4\r\n", Verb::unknown, ""},  // "QUIT" with bit 0x20 flipped, or worse
    {"QUI\x14\r\n", Verb::unknown, ""},
    {"GET / HTTP/1.1\r\n", Verb::unknown, "/ HTTP/1.1"},
};

TEST(ParseCommand, GoodLines) {
  for (const CommandCase& c : kGood) {
    SCOPED_TRACE(::testing::PrintToString(c.wire));
    for (const LineEnds ends : {LineEnds::strict, LineEnds::bare_lf_ends_line}) {
      for (std::size_t cut = 0; cut < c.wire.size(); ++cut) {
        const ParseStep step = parse_command(c.wire.substr(0, cut), kMax, ends);
        EXPECT_EQ(step.status, ParseStatus::need_more) << cut;
        EXPECT_EQ(step.consumed, 0U) << cut;
      }
      for (const std::string_view behind : {"", "\n", "\r", "NOOP\r\n", "\0"}) {
        const std::string wire = std::string(c.wire) + std::string(behind);
        const ParseStep step = parse_command(wire, kMax, ends);
        ASSERT_EQ(step.status, ParseStatus::complete);
        EXPECT_EQ(step.consumed, c.wire.size());
        EXPECT_EQ(step.command.verb, c.verb);
        EXPECT_EQ(step.command.args, c.args);
        EXPECT_EQ(step.line, c.wire.substr(0, c.wire.size() - 2));
        EXPECT_FALSE(step.has_nul);
        EXPECT_FALSE(step.has_8bit);
        EXPECT_FALSE(step.ended_bare);
      }
    }
  }
}

TEST(ParseCommand, EveryVerbReadsItsOwnName) {
  for (int value = 1; value <= static_cast<int>(Verb::xclient); ++value) {
    const Verb verb = static_cast<Verb>(value);
    EXPECT_EQ(verb_from(to_string(verb)), verb) << to_string(verb);
  }
  EXPECT_EQ(verb_from(to_string(Verb::unknown)), Verb::unknown);
}

struct BadCase {
  std::string_view wire;
  std::size_t consumed;    // strict
  std::size_t seen_after;  // bytes needed before the verdict
  bool lf_only;            // complete where a bare LF ends a line
};

constexpr BadCase kBad[] = {
    {"QUIT\nDATA\r\n", 5, 5, true},  {"\n", 1, 1, true},
    {"QUIT\rDATA\r\n", 5, 6, false}, {"QUIT\r\r\n", 5, 6, false},
    {"QUIT\n\r\n", 5, 5, true},      {"\r\r\n", 1, 2, false},
    {"NOOP \xc3\xa9\n", 8, 8, true}, {"NOOP 1234567890123456789\n", 25, 25, true},
};

TEST(ParseCommand, BareNewlines) {
  for (const BadCase& c : kBad) {
    SCOPED_TRACE(::testing::PrintToString(c.wire));
    for (std::size_t cut = 0; cut <= c.wire.size(); ++cut) {
      const ParseStep strict = parse_command(c.wire.substr(0, cut), kMax);
      const ParseStep mended = parse_command(c.wire.substr(0, cut), kMax, LineEnds::bare_lf_ends_line);
      if (cut < c.seen_after) {
        EXPECT_EQ(strict.status, ParseStatus::need_more);
        EXPECT_EQ(mended.status, ParseStatus::need_more);
        continue;
      }
      EXPECT_EQ(strict.status, ParseStatus::bad_line_end);
      EXPECT_EQ(strict.consumed, c.consumed);
      EXPECT_EQ(mended.status, c.lf_only ? ParseStatus::complete : ParseStatus::bad_line_end);
      EXPECT_EQ(mended.consumed, c.consumed);
      EXPECT_EQ(mended.ended_bare, c.lf_only);
      EXPECT_EQ(mended.line, c.wire.substr(0, c.consumed - 1));
    }
  }
}

TEST(ParseCommand, FlagsNulAnd8Bit) {
  const ParseStep nul = parse_command("NOOP a\0b\r\n"sv, kMax);
  EXPECT_EQ(nul.status, ParseStatus::complete);
  EXPECT_TRUE(nul.has_nul);
  EXPECT_FALSE(nul.has_8bit);
  const ParseStep high = parse_command("MAIL FROM:<\xc3\xbc@example.org>\r\n", kMax);
  EXPECT_EQ(high.status, ParseStatus::complete);
  EXPECT_FALSE(high.has_nul);
  EXPECT_TRUE(high.has_8bit);
  // In every place of a word of eight, and not when it stands behind the line.
  for (std::size_t at = 0; at < 20; ++at) {
    std::string wire(20, 'x');
    wire[at] = '\x80';
    EXPECT_TRUE(parse_command(wire + "\r\n", kMax).has_8bit) << at;
    wire[at] = '\0';
    EXPECT_TRUE(parse_command(wire + "\r\n", kMax).has_nul) << at;
    wire[at] = '\x7f';
    const ParseStep del = parse_command(wire + "\r\n\x80\x80\x80\x80\x80\x80\x80\x80", kMax);
    EXPECT_FALSE(del.has_8bit) << at;
    EXPECT_EQ(del.consumed, 22U);
  }
}

TEST(ParseCommand, TooLong) {
  // The limit counts the line end: 62 bytes and CR LF are the longest line.
  const std::string longest = std::string(kMax - 2, 'x') + "\r\n";
  EXPECT_EQ(parse_command(longest, kMax).status, ParseStatus::complete);
  for (const std::size_t size : {kMax, kMax + 1, kMax + 100}) {
    const ParseStep step = parse_command(std::string(size, 'x'), kMax);
    EXPECT_EQ(step.status, ParseStatus::too_long);
    EXPECT_EQ(step.consumed, kMax);
  }
  EXPECT_EQ(parse_command(std::string(kMax - 1, 'x'), kMax).status, ParseStatus::need_more);
  // The line is one byte too long; its CR is the last byte within the limit.
  const std::string over = std::string(kMax - 1, 'x') + "\r\n" + "QUIT\r\n";
  for (std::size_t cut = kMax; cut <= over.size(); ++cut) {
    const ParseStep step = parse_command(std::string_view(over).substr(0, cut), kMax);
    ASSERT_EQ(step.status, ParseStatus::too_long);
    LineSkipper skipper;
    const LineSkipper::Step skipped = skipper.skip(std::string_view(over).substr(step.consumed));
    EXPECT_TRUE(skipped.done);
    EXPECT_EQ(over.substr(step.consumed + skipped.consumed), "QUIT\r\n");
  }
  // A bare newline within the limit is named first, however long the rest.
  EXPECT_EQ(parse_command("a\n" + std::string(100, 'x'), kMax).status, ParseStatus::bad_line_end);
}

TEST(LineSkipper, FindsTheEndWhereverItIsCut) {
  constexpr std::string_view kWire = "rest\nof\r\rthe line\r\nNOOP\r\n";
  constexpr std::size_t kEnd = 19;
  for (std::size_t cut = 0; cut <= kWire.size(); ++cut) {
    LineSkipper skipper;
    LineSkipper::Step step = skipper.skip(kWire.substr(0, cut));
    std::size_t at = step.consumed;
    if (!step.done) {
      EXPECT_EQ(step.consumed, cut);
      step = skipper.skip(kWire.substr(cut));
      at += step.consumed;
    }
    EXPECT_TRUE(step.done);
    EXPECT_EQ(at, kEnd);
  }
  LineSkipper lenient(LineEnds::bare_lf_ends_line);
  const LineSkipper::Step step = lenient.skip(kWire);
  EXPECT_TRUE(step.done);
  EXPECT_EQ(step.consumed, 5U);
  LineSkipper pending;
  EXPECT_FALSE(pending.skip("a\r").done);
  EXPECT_FALSE(pending.skip("").done);
  EXPECT_TRUE(pending.skip("\n").done);
}

// After a bare newline nothing of that line is read as a command.
TEST(LineSkipper, NothingBehindABareNewlineIsACommand) {
  const std::string wire = "NOOP\nMAIL FROM:<evil@example>\r\nQUIT\r\n";
  const ParseStep first = parse_command(wire, kMax);
  ASSERT_EQ(first.status, ParseStatus::bad_line_end);
  LineSkipper skipper;
  const LineSkipper::Step skipped = skipper.skip(std::string_view(wire).substr(first.consumed));
  ASSERT_TRUE(skipped.done);
  const std::string rest = wire.substr(first.consumed + skipped.consumed);
  EXPECT_EQ(parse_command(rest, kMax).command.verb, Verb::quit);
}

TEST(BehindKeyword, Table) {
  EXPECT_EQ(behind_keyword("FROM:<a@b>", "FROM:"), "<a@b>");
  EXPECT_EQ(behind_keyword("from:  <a@b> SIZE=1", "FROM:"), "<a@b> SIZE=1");
  EXPECT_EQ(behind_keyword("FROM:", "FROM:"), "");
  EXPECT_EQ(behind_keyword("FROM <a@b>", "FROM:"), std::nullopt);
  EXPECT_EQ(behind_keyword("TO:<a@b>", "FROM:"), std::nullopt);
  EXPECT_EQ(behind_keyword("", "TO:"), std::nullopt);
}

TEST(TakesArgument, OnlyFourDoNot) {
  EXPECT_FALSE(takes_argument(Verb::data));
  EXPECT_FALSE(takes_argument(Verb::rset));
  EXPECT_FALSE(takes_argument(Verb::quit));
  EXPECT_FALSE(takes_argument(Verb::starttls));
  EXPECT_TRUE(takes_argument(Verb::ehlo));
  EXPECT_TRUE(takes_argument(Verb::noop));
}

}  // namespace
}  // namespace postern::smtp
