// Replies of dccifd, right, cut and wrong.
#include "policy/dcc/reply.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace postern::dcc {
namespace {

using State = ReplyReader::State;

constexpr std::string_view kField = "X-DCC-fake-Metrics: gw.example 1234; Body=1 Fuz1=1\n\tFuz2=many\n";

// The whole reply and the end, in pieces of that many bytes.
std::optional<Reply> read(std::string_view text, std::size_t recipients, std::size_t piece = 1'000'000) {
  ReplyReader reader(recipients);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) reader.feed(text.substr(0, piece));
  reader.end();
  if (reader.state() == State::broken) return std::nullopt;
  return reader.take();
}

Result judged(std::string_view text, std::size_t recipients = 1) { return judge(read(text, recipients).value()); }

TEST(DccReply, WithItsField) {
  const std::string text = "A\nAR\n" + std::string(kField) + "\n";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    const Reply reply = read(text, 2, piece).value();
    EXPECT_EQ(reply.overall, "A");
    EXPECT_EQ(reply.recipients, "AR");
    EXPECT_EQ(reply.header.view(), kField);
  }
}

TEST(DccReply, TheEmptyLineEndsIt) {
  ReplyReader reader(1);
  EXPECT_EQ(reader.feed("A\nA\nX-DCC-x: y\n"), State::more);
  EXPECT_EQ(reader.feed("\n"), State::complete);
  EXPECT_EQ(reader.feed("X-DCC-more: z\n"), State::complete);
  EXPECT_EQ(reader.end(), State::complete);
  EXPECT_EQ(reader.take().header.view(), "X-DCC-x: y\n");
  ReplyReader without(1);
  EXPECT_EQ(without.feed("A\nA\n\n"), State::complete);
  EXPECT_TRUE(without.take().header.empty());
}

TEST(DccReply, CutAtEveryByte) {
  const std::string text = "R\nRRR\n" + std::string(kField) + "\n";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::optional<Reply> reply = read(std::string_view(text).substr(0, i), 3);
    EXPECT_EQ(reply.has_value(), i >= 6) << i;
    if (!reply) continue;
    EXPECT_EQ(reply->overall, "R") << i;
    EXPECT_EQ(reply->recipients, "RRR") << i;
    // Never a part of a line: the field without its continuation, or with it.
    const std::string_view header = reply->header.view();
    EXPECT_TRUE(header.empty() || header == kField || header == kField.substr(0, kField.find('\t'))) << i << ": " << header;
  }
}

TEST(DccReply, ChecksumsBehindTheFieldAreNotOfIt) {
  const Reply reply = read("A\nA\nX-DCC-x: y\n   reported: 1  checksum server\nBody: 1 2 3 4\n  env_From: 5\n\n", 1).value();
  EXPECT_EQ(reply.header.view(), "X-DCC-x: y\n   reported: 1  checksum server\n");
  EXPECT_EQ(read("A\nA\nBody: 1 2 3 4\nX-DCC-x: y\n\n", 1).value().header.view(), "") << "the field comes first, or not at all";
}

TEST(DccReply, FieldsThatCannotBeUsed) {
  for (const std::string_view line : {"Subject: x", "x-dcc: y", "X-DCC no colon", "X-DCC", " X-DCC-x: y", "X-DCC-x\t: y",
                                      "X-DCC-x: \x01", "X-DCC-x: \xc3\xa4", "X-DCC-x: a\rb"}) {
    const Reply reply = read("A\nA\n" + std::string(line) + "\n\n", 1).value();
    EXPECT_TRUE(reply.header.empty()) << line;
    EXPECT_EQ(reply.overall, "A");
  }
  const Reply reply = read(std::string_view("A\nA\nX-DCC-x: a\0b\n\n", 18), 1).value();
  EXPECT_TRUE(reply.header.empty());
  EXPECT_TRUE(read("A\nA\nX-DCC-x: y\n\tbad\x02\n\tgood\n\n", 1).value().header.empty()) << "never a part of it";
  EXPECT_EQ(read("A\r\nA\r\nX-DCC-x: y\r\n\r\n", 1).value().header.view(), "X-DCC-x: y\n");
}

TEST(DccReply, Bounds) {
  const std::string fits = "X-DCC-x: " + std::string(kHeaderBytesMax - 10, 'y');
  EXPECT_EQ(read("A\nA\n" + fits + "\n\n", 1).value().header.view(), fits + "\n");
  EXPECT_TRUE(read("A\nA\n" + fits + "y\n\n", 1).value().header.empty());
  EXPECT_TRUE(read("A\nA\nX-DCC-x: y\n\t" + std::string(kHeaderBytesMax, 'y') + "\n\n", 1).value().header.empty());
  std::string many = "A\nA\nX-DCC-x: y\n";
  for (int i = 0; i < 3000; ++i) many += "\tmore\n";
  EXPECT_TRUE(read(many + "\n", 1).value().header.empty());
  const std::string overall = read(std::string(1000, 'A') + "\nA\n\n", 1).value().overall;
  EXPECT_EQ(overall.size(), kOverallBytesMax);
  for (const std::string& flood : {std::string(100'000, 'A'), "A\n" + std::string(100'000, 'A'),
                                   "A\nA\n" + std::string(100'000, 'X'), "A\nA\nrest\n" + std::string(100'000, 'X')}) {
    ReplyReader reader(1);
    EXPECT_EQ(reader.feed(flood), State::broken);
    EXPECT_EQ(reader.why(), "its reply is too long");
    EXPECT_EQ(reader.feed("\n\n\n"), State::broken);
    EXPECT_EQ(reader.end(), State::broken);
  }
  const std::string crowd(100'000, 'R');
  EXPECT_EQ(read("R\n" + crowd + "\n\n", crowd.size()).value().recipients, crowd) << "as many as there were recipients";
}

TEST(DccReply, LettersForRecipientsMustFit) {
  for (const std::string_view letters : {"", "A", "AAA", "AX", "A ", "aa"})
    EXPECT_EQ(read("A\n" + std::string(letters) + "\n\n", 2).value().recipients, "") << letters;
  EXPECT_EQ(read("G\nGG\n\n", 2).value().recipients, "GG");
}

TEST(DccJudgement, AsExim) {
  EXPECT_EQ(judged("A\nA\n\n").status, Status::accept);
  EXPECT_EQ(judged("A\nA\n\n").letter, "A");
  EXPECT_EQ(judged("A\nA\n\n").log, "");
  EXPECT_EQ(judged("S\nA\n\n").status, Status::accept);
  EXPECT_EQ(judged("S\nA\n\n").letter, "A");
  EXPECT_EQ(judged("S\nA\n\n").text, "Not all recipients accepted by DCC");
  EXPECT_EQ(judged("R\nR\n\n").status, Status::reject);
  EXPECT_EQ(judged("R\nR\n\n").letter, "R");
  EXPECT_EQ(judged("R\nR\n\n").log, "rejected by DCC");
  EXPECT_EQ(judged("G\nG\n\n").status, Status::reject);
  EXPECT_EQ(judged("G\nG\n\n").letter, "G");
  EXPECT_EQ(judged("G\nG\n\n").text, "Greylisted by DCC");
  EXPECT_EQ(judged("T\n\n\n").status, Status::defer);
  EXPECT_EQ(judged("T\n\n\n").letter, "T");
  EXPECT_EQ(judged("T\n\n\n").log, "Temporary error with DCC: T");
  for (const std::string_view overall : {"X", "", "AA", "a", "HTTP/1.1 400"}) {
    const Result result = judged(std::string(overall) + "\nA\n\n");
    EXPECT_EQ(result.status, Status::defer) << overall;
    EXPECT_EQ(result.letter, "T") << overall;
    EXPECT_EQ(result.log, "Unknown DCC response: " + std::string(overall));
  }
  EXPECT_EQ(judged("\x01\nA\n\n").log, "Unknown DCC response: \\001");
}

TEST(DccJudgement, NoAnswer) {
  const Result result = failed("x");
  EXPECT_EQ(result.status, Status::failed);
  EXPECT_EQ(result.letter, "");
  EXPECT_EQ(result.log, "DCC: x");
}

TEST(DccJudgement, FieldsToAdd) {
  const Result with = judged("A\nA\nX-DCC-x: y\n\n");
  EXPECT_EQ(added_fields(with, ""), "X-DCC-x: y\n");
  EXPECT_EQ(added_fields(with, "X-More: z"), "X-DCC-x: y\nX-More: z\n");
  EXPECT_EQ(added_fields(with, "X-More: z\n"), "X-DCC-x: y\nX-More: z\n");
  EXPECT_EQ(added_fields(failed("x"), "X-More: z"), "X-More: z\n");
  EXPECT_EQ(added_fields(failed("x"), ""), "");
}

}  // namespace
}  // namespace postern::dcc
