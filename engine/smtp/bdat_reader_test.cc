#include "engine/smtp/bdat_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/smtp/body_testing.h"

namespace postern::smtp {
namespace {

using testing::BodyRun;

struct SyntaxCase {
  std::string_view args;
  BdatSyntax syntax;
  std::uint64_t chunk_bytes;
  bool is_last;
};

constexpr SyntaxCase kSyntax[] = {
    {"0", BdatSyntax::ok, 0, false},
    {"0 LAST", BdatSyntax::ok, 0, true},
    {"86 last", BdatSyntax::ok, 86, true},
    {" 86 \t LaSt ", BdatSyntax::ok, 86, true},
    {"0000000000000000000000000000000012", BdatSyntax::ok, 12, false},
    {"9223372036854775807", BdatSyntax::ok, 9223372036854775807U, false},
    {"9223372036854775808", BdatSyntax::too_large, 0, false},
    {"18446744073709551617", BdatSyntax::too_large, 0, false},
    {"99999999999999999999999999999999", BdatSyntax::too_large, 0, false},
    {"", BdatSyntax::missing_size, 0, false},
    {" ", BdatSyntax::missing_size, 0, false},
    {"LAST", BdatSyntax::missing_size, 0, false},
    {"-1", BdatSyntax::missing_size, 0, false},
    {"+1", BdatSyntax::missing_size, 0, false},
    {"0x10", BdatSyntax::bad_argument, 0, false},
    {"1.5", BdatSyntax::bad_argument, 0, false},
    {"10LAST", BdatSyntax::bad_argument, 0, false},
    {"10 LAST LAST", BdatSyntax::bad_argument, 0, false},
    {"10 LASTS", BdatSyntax::bad_argument, 0, false},
    {"10 20", BdatSyntax::bad_argument, 0, false},
};

TEST(ParseBdat, Table) {
  for (const SyntaxCase& c : kSyntax) {
    const BdatCommand command = parse_bdat(c.args);
    EXPECT_EQ(command.syntax, c.syntax) << c.args;
    if (c.syntax != BdatSyntax::ok) continue;
    EXPECT_EQ(command.chunk_bytes, c.chunk_bytes) << c.args;
    EXPECT_EQ(command.is_last, c.is_last) << c.args;
  }
}

struct Outcome {
  BodyRun run;
  bool refused = false;
  bool was_completed = false;
  BodyStats stats;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Reads the chunks, the last one marked LAST, each fed in pieces of at most `piece_bytes` and with a command behind it that
// must not be touched.
Outcome read_chunks(BareNewline policy, const std::vector<std::string_view>& chunks, std::size_t piece_bytes) {
  BdatReader reader(policy);
  BodyRun run;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    reader.begin_chunk({BdatSyntax::ok, i + 1 == chunks.size(), chunks[i].size()});
    const std::string wire = std::string(chunks[i]) + "BDAT";
    std::size_t consumed_before = run.consumed;
    run.is_complete = false;
    std::size_t at = 0;
    do {
      const std::size_t count = std::min(piece_bytes, wire.size() - at);
      feed(reader, std::string_view(wire).substr(at, count), run);
      at += count;
    } while (!run.is_complete);
    EXPECT_EQ(run.consumed - consumed_before, chunks[i].size());
    EXPECT_EQ(reader.is_message_complete(), i + 1 == chunks.size());
  }
  return {run, reader.refused(), reader.was_completed(), reader.stats()};
}

// One chunk; every two chunks; one chunk per byte and an empty last one; each fed whole and byte by byte.
Outcome read_every_way(BareNewline policy, std::string_view text) {
  const Outcome whole = read_chunks(policy, {text}, text.size() + 4);
  const auto expect_same = [&](const std::vector<std::string_view>& chunks) {
    EXPECT_TRUE(read_chunks(policy, chunks, text.size() + 4) == whole) << ::testing::PrintToString(chunks);
    EXPECT_TRUE(read_chunks(policy, chunks, 1) == whole) << ::testing::PrintToString(chunks);
  };
  expect_same({text});
  std::vector<std::string_view> bytes;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) expect_same({text.substr(0, cut), text.substr(cut)});
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  bytes.push_back({});
  expect_same(bytes);
  return whole;
}

struct TextCase {
  std::string_view text;
  std::string_view normalised;
  bool has_bare;
  bool was_completed;
};

constexpr TextCase kTexts[] = {
    {"", "", false, false},
    {"a\r\n", "a\r\n", false, false},
    {"a\r\nb\r\n", "a\r\nb\r\n", false, false},
    {"a", "a\r\n", false, true},
    {"\r\n", "\r\n", false, false},
    {".\r\n", ".\r\n", false, false},
    {"\r\n.\r\n", "\r\n.\r\n", false, false},
    {"..\r\n.\r\nQUIT\r\n", "..\r\n.\r\nQUIT\r\n", false, false},
    {"a\nb\r\n", "a\r\nb\r\n", true, false},
    {"a\rb\r\n", "a\r\nb\r\n", true, false},
    {"a\n.\r\n", "a\r\n.\r\n", true, false},
    {"a\r\r\n", "a\r\n\r\n", true, false},
    {"a\n", "a\r\n", true, false},
    {"a\r", "a\r\n", true, true},
    {"\r", "\r\n", true, true},
    {"\n", "\r\n", true, false},
    {"a\n\r", "a\r\n\r\n", true, true},
};

TEST(BdatReader, Texts) {
  for (const TextCase& c : kTexts) {
    SCOPED_TRACE(::testing::PrintToString(c.text));
    const Outcome normalised = read_every_way(BareNewline::normalise, c.text);
    EXPECT_EQ(normalised.run.stored, c.normalised);
    EXPECT_EQ(normalised.was_completed, c.was_completed);
    EXPECT_EQ(normalised.stats.stored_bytes, c.normalised.size());
    EXPECT_EQ(normalised.stats.wire_bytes, c.text.size());
    EXPECT_EQ(normalised.stats.bare_cr + normalised.stats.bare_lf > 0, c.has_bare);
    EXPECT_FALSE(normalised.refused);
    const Outcome rejected = read_every_way(BareNewline::reject, c.text);
    EXPECT_EQ(rejected.refused, c.has_bare);
    if (!c.has_bare) {
      EXPECT_EQ(rejected.run.stored, c.normalised);
    }
  }
}

TEST(BdatReader, EmptyLastChunkEndsTheMessage) {
  BdatReader reader(BareNewline::reject);
  reader.begin_chunk({BdatSyntax::ok, false, 3});
  BodyRun run;
  feed(reader, "abc", run);
  EXPECT_TRUE(run.is_complete);
  EXPECT_FALSE(reader.is_message_complete());
  EXPECT_EQ(run.stored, "abc");
  reader.begin_chunk({BdatSyntax::ok, true, 0});
  feed(reader, "", run);
  EXPECT_TRUE(reader.is_message_complete());
  EXPECT_TRUE(reader.was_completed());
  EXPECT_EQ(run.stored, "abc\r\n");
}

TEST(BdatReader, DiscardsToTheEndOfTheChunk) {
  BdatReader reader(BareNewline::reject);
  reader.discard();
  reader.begin_chunk({BdatSyntax::ok, true, 6});
  BodyRun run;
  feed(reader, "a\nb", run);
  EXPECT_FALSE(run.is_complete);
  EXPECT_EQ(reader.chunk_bytes_left(), 3U);
  feed(reader, "c\r\nQUIT", run);
  EXPECT_TRUE(run.is_complete);
  EXPECT_EQ(run.consumed, 6U);
  EXPECT_EQ(run.stored, "");
  EXPECT_FALSE(reader.refused());
}

TEST(BdatReader, RandomChunksAgreeWithOneChunk) {
  std::mt19937 random(3030);
  static constexpr std::string_view kParts[] = {"\r\n", "\r\n", "text", ".", "\r", "\n", "\xff"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (unsigned parts = random() % 12; parts > 0; --parts) text += kParts[random() % std::size(kParts)];
    std::vector<std::string_view> chunks;
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t count = std::min<std::size_t>(random() % 6, rest.size());
      chunks.push_back(rest.substr(0, count));
      rest.remove_prefix(count);
    }
    chunks.push_back({});
    for (const BareNewline policy : {BareNewline::reject, BareNewline::normalise})
      ASSERT_TRUE(read_chunks(policy, chunks, 1 + random() % 5) == read_chunks(policy, {text}, 1000))
          << ::testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace postern::smtp
