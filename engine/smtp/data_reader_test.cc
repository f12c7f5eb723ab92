#include "engine/smtp/data_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/smtp/body_testing.h"

namespace postern::smtp {
namespace {

using testing::BodyRun;
using testing::expect_data;
using testing::feed;

struct Outcome {
  BodyRun run;
  bool refused;
  BodyStats stats;
};

Outcome read_in_pieces(BareNewline policy, const std::vector<std::string_view>& pieces) {
  DataReader reader(policy);
  BodyRun run;
  for (const std::string_view piece : pieces) {
    if (run.is_complete) break;
    feed(reader, piece, run);
  }
  return {run, reader.refused(), reader.stats()};
}

// Whole, in every two pieces, and byte by byte: all must give what the whole gives.
Outcome read_every_way(BareNewline policy, std::string_view wire) {
  const Outcome whole = read_in_pieces(policy, {wire});
  const auto expect_same = [&](const Outcome& other, std::size_t cut) {
    EXPECT_EQ(other.run.stored, whole.run.stored) << "cut at " << cut;
    EXPECT_EQ(other.run.is_complete, whole.run.is_complete) << "cut at " << cut;
    EXPECT_EQ(other.run.consumed, whole.run.consumed) << "cut at " << cut;
    EXPECT_EQ(other.refused, whole.refused) << "cut at " << cut;
    EXPECT_TRUE(other.stats == whole.stats) << "cut at " << cut;
  };
  for (std::size_t cut = 0; cut <= wire.size(); ++cut)
    expect_same(read_in_pieces(policy, {wire.substr(0, cut), wire.substr(cut)}), cut);
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < wire.size(); ++i) bytes.push_back(wire.substr(i, 1));
  expect_same(read_in_pieces(policy, bytes), wire.size());
  return whole;
}

struct CleanCase {
  std::string_view wire;
  std::string_view stored;
};

constexpr CleanCase kClean[] = {
    {".\r\n", ""},
    {"\r\n.\r\n", "\r\n"},
    {"a\r\n.\r\n", "a\r\n"},
    {"Subject: x\r\n\r\nbody\r\n.\r\n", "Subject: x\r\n\r\nbody\r\n"},
    {"..\r\n.\r\n", ".\r\n"},
    {"...\r\n..\r\n.....\r\n.\r\n", "..\r\n.\r\n....\r\n"},
    {".x\r\n.\r\n", "x\r\n"},
    {"a.\r\n.b.\r\n.\r\n", "a.\r\nb.\r\n"},
    {"a\r\n\r\n\r\n.\r\n", "a\r\n\r\n\r\n"},
    {". \r\n.\r\n", " \r\n"},
    {".\t\r\n.\r\n", "\t\r\n"},
    {"a .\r\n.\r\n", "a .\r\n"},
};

TEST(DataReader, CleanText) {
  for (const CleanCase& c : kClean) {
    SCOPED_TRACE(::testing::PrintToString(c.wire));
    const std::string wire = std::string(c.wire) + "QUIT\r\n";
    for (const BareNewline policy : {BareNewline::reject, BareNewline::normalise}) {
      const Outcome outcome = read_every_way(policy, wire);
      EXPECT_TRUE(outcome.run.is_complete);
      EXPECT_EQ(outcome.run.stored, c.stored);
      EXPECT_EQ(outcome.run.consumed, c.wire.size());
      EXPECT_FALSE(outcome.refused);
      EXPECT_EQ(outcome.stats.bare_cr + outcome.stats.bare_lf, 0U);
      EXPECT_EQ(outcome.stats.stored_bytes, c.stored.size());
      EXPECT_EQ(outcome.stats.wire_bytes, c.wire.size());
    }
    for (std::size_t cut = 0; cut < c.wire.size(); ++cut)
      EXPECT_FALSE(read_in_pieces(BareNewline::reject, {c.wire.substr(0, cut)}).run.is_complete) << cut;
  }
}

// The smuggling corpus: every end that some server somewhere has taken for the end of the data, followed by what an attacker
// would have it read as commands. `stored` is what normalising makes of it, up to the real end.
struct SmugglingCase {
  std::string_view fake_end;
  std::string_view mended;
};

constexpr SmugglingCase kSmuggling[] = {
    {"\n.\n", "\r\n.\r\n"},
    {"\n.\r\n", "\r\n.\r\n"},
    {"\r\n.\n", "\r\n\r\n"},
    {"\r.\r", "\r\n.\r\n"},
    {"\r.\r\n", "\r\n.\r\n"},
    {"\r\n.\r", "\r\n\r\n"},
    {"\r.\n", "\r\n.\r\n"},
    {"\n.\r", "\r\n.\r\n"},
    {"\n\n.\r\n", "\r\n\r\n.\r\n"},
    {"\r\r.\r\n", "\r\n\r\n.\r\n"},
    {"\r\n\n.\r\n", "\r\n\r\n.\r\n"},
    {"\r\n\r.\r\n", "\r\n\r\n.\r\n"},
    {"\r\n.\r\r\n", "\r\n\r\n\r\n"},
    {"\r\n.\n\r\n", "\r\n\r\n\r\n"},
    {"\r\n.\r.\r\n", "\r\n\r\n.\r\n"},
    {"\r\n.\n.\r\n", "\r\n\r\n.\r\n"},
    {"\r\n..\n", "\r\n.\r\n"},
    {"\r\n..\r", "\r\n.\r\n"},
    {"\n..\n", "\r\n..\r\n"},
    {"\n..\r\n", "\r\n..\r\n"},
    {"\n\r.\r\n", "\r\n\r\n.\r\n"},
    {"\n\r\n\n.\n", "\r\n\r\n\r\n.\r\n"},
};

TEST(DataReader, SmugglingNormalised) {
  for (const SmugglingCase& c : kSmuggling) {
    SCOPED_TRACE(::testing::PrintToString(c.fake_end));
    const std::string smuggled = "MAIL FROM:<evil@example>\r\nRCPT TO:<you@example>\r\nDATA\r\n";
    const std::string wire = "a" + std::string(c.fake_end) + smuggled + ".\r\n";
    const Outcome outcome = read_every_way(BareNewline::normalise, wire + "NOOP\r\n");
    ASSERT_TRUE(outcome.run.is_complete);
    EXPECT_EQ(outcome.run.stored, "a" + std::string(c.mended) + smuggled);
    EXPECT_EQ(outcome.run.consumed, wire.size());
    EXPECT_FALSE(outcome.refused);
    EXPECT_GT(outcome.stats.bare_cr + outcome.stats.bare_lf, 0U);
    EXPECT_EQ(outcome.stats.stored_bytes, outcome.run.stored.size());
  }
}

TEST(DataReader, SmugglingRejected) {
  for (const SmugglingCase& c : kSmuggling) {
    SCOPED_TRACE(::testing::PrintToString(c.fake_end));
    const std::string wire = "a" + std::string(c.fake_end) + "MAIL FROM:<evil@example>\r\n.\r\n";
    const Outcome outcome = read_every_way(BareNewline::reject, wire + "NOOP\r\n");
    ASSERT_TRUE(outcome.run.is_complete);
    EXPECT_TRUE(outcome.refused);
    EXPECT_EQ(outcome.run.consumed, wire.size());
    EXPECT_EQ(outcome.stats.bare_cr + outcome.stats.bare_lf, 1U);
    EXPECT_EQ(outcome.run.stored.find("MAIL"), std::string::npos);
  }
}

// Stored text, stuffed and sent on, is read back as itself: no stored line can end the data at the next hop.
TEST(DataReader, MendedTextSurvivesTheNextHop) {
  for (const SmugglingCase& c : kSmuggling) {
    const std::string wire = "a" + std::string(c.fake_end) + "b\r\n.\r\n";
    const std::string stored = read_in_pieces(BareNewline::normalise, {wire}).run.stored;
    std::string sent;
    for (std::size_t at = 0; at < stored.size();) {
      const std::size_t end = stored.find("\r\n", at) + 2;
      if (stored[at] == '.') sent += '.';
      sent += stored.substr(at, end - at);
      at = end;
    }
    const Outcome again = read_in_pieces(BareNewline::reject, {sent + ".\r\n"});
    EXPECT_TRUE(again.run.is_complete);
    EXPECT_FALSE(again.refused);
    EXPECT_EQ(again.run.stored, stored);
  }
}

// These hold a real CR LF . CR LF, whatever bare newlines stand around it.
TEST(DataReader, RealEndAmongBareNewlines) {
  for (const std::string_view wire : {"a\r\r\n.\r\n", "a\n\r\n.\r\n", "a\n\n\r\n.\r\n", "a\r\n\r\n.\r\n"}) {
    SCOPED_TRACE(::testing::PrintToString(wire));
    const Outcome outcome = read_every_way(BareNewline::normalise, wire);
    EXPECT_TRUE(outcome.run.is_complete);
    EXPECT_EQ(outcome.run.consumed, wire.size());
  }
}

TEST(DataReader, FirstBareNewlineHasItsPlace) {
  const auto offset = [](std::string_view wire) { return read_every_way(BareNewline::reject, wire).stats.first_bare_at; };
  EXPECT_EQ(offset("ab\ncd\r\n.\r\n"), 2U);
  EXPECT_EQ(offset("ab\rcd\r\n.\r\n"), 2U);
  EXPECT_EQ(offset("..\r\nab\n\r\n.\r\n"), 6U);
  EXPECT_EQ(offset("a\r\n.\rx\r\n.\r\n"), 4U);
  EXPECT_EQ(offset("a\r\n.\nx\r\n.\r\n"), 4U);
}

TEST(DataReader, CountsBareNewlinesWhenNormalising) {
  const Outcome outcome = read_every_way(BareNewline::normalise, "a\nb\rc\n\r\n.\r\n");
  EXPECT_EQ(outcome.stats.bare_lf, 2U);
  EXPECT_EQ(outcome.stats.bare_cr, 1U);
  EXPECT_EQ(outcome.stats.lines, 4U);
}

TEST(DataReader, CountsLinesAndKinds) {
  const std::string longest(998, 'x');
  const Outcome outcome = read_in_pieces(BareNewline::reject, {"..dot\r\n", longest, "\r\nshort\r\n.", "\r", "\n"});
  EXPECT_TRUE(outcome.run.is_complete);
  EXPECT_EQ(outcome.stats.lines, 3U);
  EXPECT_EQ(outcome.stats.line_bytes_max, 998U);
  EXPECT_FALSE(outcome.stats.has_8bit);
  EXPECT_FALSE(outcome.stats.has_nul);
  using namespace std::string_view_literals;
  EXPECT_TRUE(read_every_way(BareNewline::reject, "caf\xc3\xa9\r\n.\r\n").stats.has_8bit);
  EXPECT_TRUE(read_every_way(BareNewline::reject, "nul\0\r\n.\r\n"sv).stats.has_nul);
  // What follows the data is not part of it.
  EXPECT_FALSE(read_in_pieces(BareNewline::reject, {"a\r\n.\r\n\xff"}).stats.has_8bit);
}

TEST(DataReader, PlainTextIsOnePiece) {
  std::string text;
  while (text.size() < 16000) text += "a line of text that is not remarkable in any way\r\n";
  DataReader reader(BareNewline::reject);
  const BodyStep step = reader.step(text);
  EXPECT_EQ(step.status, BodyStatus::need_more);
  EXPECT_EQ(step.keep_bytes, text.size());
  EXPECT_EQ(step.consumed, text.size());
}

TEST(DataReader, DiscardKeepsNothingAndFindsTheEnd) {
  DataReader reader(BareNewline::normalise);
  BodyRun run;
  feed(reader, "kept\r\n", run);
  reader.discard();
  feed(reader, "not kept\n.\n.\r", run);
  feed(reader, "\n..\r\n.\r\nQUIT", run);
  EXPECT_TRUE(run.is_complete);
  EXPECT_EQ(run.stored, "kept\r\n");
  EXPECT_FALSE(reader.refused());
  EXPECT_EQ(reader.stats().stored_bytes, 6U);
  EXPECT_EQ(reader.step("more").consumed, 0U);
}

TEST(DataReader, AgreesWithTheWholeMessageReading) {
  std::mt19937 random(5321);
  static constexpr std::string_view kParts[] = {"\r\n",      "\r\n", "\r\n.", ".",  "\r",   "\n",
                                                "\r\n.\r\n", "text", "x",     "..", "\n.\n"};
  for (int round = 0; round < 20000; ++round) {
    std::string wire;
    for (unsigned parts = random() % 12; parts > 0; --parts) wire += kParts[random() % std::size(kParts)];
    wire += "\r\n.\r\nQUIT\r\n";
    const testing::ExpectedData expected = expect_data(wire);
    ASSERT_TRUE(expected.is_complete);
    std::vector<std::string_view> pieces;
    std::string_view rest = wire;
    while (!rest.empty()) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 7, rest.size());
      pieces.push_back(rest.substr(0, count));
      rest.remove_prefix(count);
    }
    const Outcome normalised = read_in_pieces(BareNewline::normalise, pieces);
    ASSERT_EQ(normalised.run.stored, expected.normalised) << ::testing::PrintToString(wire);
    ASSERT_EQ(normalised.run.consumed, expected.consumed);
    const Outcome rejected = read_in_pieces(BareNewline::reject, pieces);
    std::string kept = rejected.run.stored;
    if (rejected.refused && kept.ends_with('\r')) kept.pop_back();
    ASSERT_EQ(kept, expected.until_bare) << ::testing::PrintToString(wire);
    ASSERT_EQ(rejected.refused, expected.has_bare);
    ASSERT_EQ(rejected.run.consumed, expected.consumed);
  }
}

}  // namespace
}  // namespace postern::smtp
