#include "policy/message/canonical.h"

#include <gtest/gtest.h>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "policy/message/body_hashes.h"
#include "policy/message/canonical_testing.h"
#include "policy/message/folded_field.h"
#include "policy/message/header_index.h"

namespace postern::message {
namespace {

using testing::canonical_body;
using testing::expected_body;

// RFC 6376 section 3.4.6.
TEST(Canonical, TheExamplesOfTheRfc) {
  const std::string body = " C \r\nD \t E\r\n\r\n\r\n";
  EXPECT_EQ(canonical_body(Canon::relaxed, body, 100, 100), " C\r\nD E\r\n");
  EXPECT_EQ(canonical_body(Canon::simple, body, 100, 100), " C \r\nD \t E\r\n");

  std::string header = "A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n";
  std::string_view rest = header;
  std::string relaxed;
  std::string simple;
  while (const auto field = smtp::HeaderView::next_field(rest)) {
    append_canonical(relaxed, Canon::relaxed, *field);
    append_canonical(simple, Canon::simple, *field);
  }
  EXPECT_EQ(relaxed, "a:X\r\nb:Y Z\r\n");
  EXPECT_EQ(simple, "A: X\r\nB : Y\t\r\n\tZ  \r\n");
}

TEST(Canonical, BodiesWithoutEnds) {
  EXPECT_EQ(canonical_body(Canon::simple, "", 1, 1), "\r\n");
  EXPECT_EQ(canonical_body(Canon::relaxed, "", 1, 1), "");
  EXPECT_EQ(canonical_body(Canon::simple, "a", 1, 1), "a\r\n");
  EXPECT_EQ(canonical_body(Canon::relaxed, "a \t", 1, 1), "a\r\n");
  EXPECT_EQ(canonical_body(Canon::simple, "\r\n\r\n", 1, 1), "\r\n");
  EXPECT_EQ(canonical_body(Canon::relaxed, " \r\n\t\r\n ", 1, 1), "");
  EXPECT_EQ(canonical_body(Canon::simple, "a\r", 1, 1), "a\r\r\n");
  EXPECT_EQ(canonical_body(Canon::relaxed, "a \r b\n", 1, 1), "a \r b\n\r\n") << "a CR alone is a byte like others";
}

TEST(Canonical, TheSameFromEveryCutting) {
  for (const std::string body :
       {"\r\n\r\na  b\t\r\n \r\n\r\n\tc\rd\n e \r\n\r\n", "x\r\r\n\r\r\n\n\r\n", " \t \r\n \r\n x", "\r\n\r\n\r\r\n\r\n"}) {
    for (const Canon canon : {Canon::simple, Canon::relaxed}) {
      const std::string expected = expected_body(canon, body);
      for (std::size_t first = 1; first <= body.size(); ++first)
        for (std::size_t piece = 1; piece <= body.size(); ++piece)
          ASSERT_EQ(canonical_body(canon, body, first, piece), expected) << first << ' ' << piece;
    }
  }
}

TEST(Canonical, LongLinesAndManyEmptyOnes) {
  std::string body = std::string(5000, 'x') + "  " + std::string(2047, 'y') + "\r\n";
  for (int i = 0; i < 3000; ++i) body += "\r\n";
  body += "end \t\r\n";
  for (const Canon canon : {Canon::simple, Canon::relaxed})
    for (const std::size_t piece : {1, 7, 2048, 100'000})
      EXPECT_TRUE(canonical_body(canon, body, piece, piece) == expected_body(canon, body)) << piece;
}

TEST(Canonical, ASignaturesOwnFieldHasNoLineEndAndNoValueOfB) {
  const std::string block = "DKIM-Signature : v=1; b=AB\r\n CD ; s=x\r\n";
  std::string_view rest = block;
  const auto field = smtp::HeaderView::next_field(rest);
  ASSERT_TRUE(field);
  const std::string_view value = field->value.view();
  const std::size_t begin = value.find("b=") + 2;
  const std::size_t end = value.find("; s=");
  std::string simple;
  std::string relaxed;
  append_canonical_signature(simple, Canon::simple, *field, begin, end);
  append_canonical_signature(relaxed, Canon::relaxed, *field, begin, end);
  EXPECT_EQ(simple, "DKIM-Signature : v=1; b=; s=x");
  EXPECT_EQ(relaxed, "dkim-signature:v=1; b=; s=x");
}

crypto::Digest sha256(std::string_view text) {
  crypto::Digest digest;
  EXPECT_TRUE(crypto::digest(crypto::Hash::sha256, text, digest));
  return digest;
}

TEST(BodyHashes, OneQuestionHasOneAnswer) {
  BodyHashes bodies;
  EXPECT_FALSE(bodies.wanted());
  const std::size_t whole = bodies.ask(Canon::relaxed, crypto::Hash::sha256);
  EXPECT_EQ(bodies.ask(Canon::relaxed, crypto::Hash::sha256), whole);
  const std::size_t simple = bodies.ask(Canon::simple, crypto::Hash::sha256);
  EXPECT_NE(simple, whole);
  for (const char* piece : {"a ", " b\r", "\n\r\n"}) bodies.feed(piece);
  bodies.finish();
  bodies.finish();
  EXPECT_EQ(bodies.get(whole).digest.view(), sha256("a b\r\n").view());
  EXPECT_EQ(bodies.get(simple).digest.view(), sha256("a  b\r\n").view());
}

TEST(BodyHashes, EveryLengthOfOnePass) {
  const std::string canonical = "abc def\r\nghi\r\n";
  BodyHashes bodies;
  std::vector<std::size_t> numbers;
  for (std::size_t length = canonical.size() + 3; length-- > 0;)
    numbers.push_back(bodies.ask(Canon::relaxed, crypto::Hash::sha256, length));
  const std::size_t whole = bodies.ask(Canon::relaxed, crypto::Hash::sha256);
  bodies.feed("abc \t");
  bodies.feed("def  \r\ngh");
  bodies.feed("i\r\n\r\n");
  bodies.finish();
  std::size_t length = canonical.size() + 3;
  for (const std::size_t number : numbers) {
    const BodyHash hash = bodies.get(number);
    const std::size_t covered = std::min(--length, canonical.size());
    ASSERT_TRUE(hash.known);
    EXPECT_EQ(hash.hashed_bytes, covered);
    EXPECT_EQ(hash.body_bytes, canonical.size());
    EXPECT_EQ(hash.digest.view(), sha256(canonical.substr(0, covered)).view()) << length;
  }
  EXPECT_EQ(bodies.get(whole).digest.view(), sha256(canonical).view());
}

TEST(HeaderIndex, FieldsAreChosenFromTheBottomUp) {
  const std::string block = "A: 1\r\nB: 2\r\nno field\r\na: 3\r\nA : 4\r\n\r\n";
  Chain chain(Slice::literal(block));
  BlockPool pool;
  const HeaderIndex index(smtp::HeaderView(chain, block.size(), pool));
  EXPECT_EQ(index.count("a"), 3U);
  EXPECT_EQ(index.places("A"), (std::vector<std::size_t>{0, 3, 4}));
  EXPECT_EQ(index.count("no field"), 0U);
  for (int round = 0; round < 2; ++round) {
    HeaderIndex::Choice choice(index);
    EXPECT_EQ(choice.next("A")->value.view(), " 4");
    EXPECT_EQ(choice.next("b")->value.view(), " 2");
    EXPECT_EQ(choice.next("a")->value.view(), " 3");
    EXPECT_EQ(choice.next("a")->value.view(), " 1");
    EXPECT_EQ(choice.next("a"), nullptr);
    EXPECT_EQ(choice.next("A"), nullptr);
    EXPECT_EQ(choice.next("B"), nullptr);
    EXPECT_EQ(choice.next("c"), nullptr);
  }
}

TEST(FoldedField, LinesStayShortAndReadAsTheyWereWritten) {
  FoldedField field("DKIM-Signature");
  field.add("v", "1");
  field.add("d", std::string(60, 'd'));
  field.add_list("h", "From:To:Subject:Date:Message-ID:Content-Type:Content-Transfer-Encoding:MIME-Version:Reply-To:Sender");
  field.add_base64("bh", std::string(44, 'H'));
  field.add_base64("b", "");
  field.extend_base64(std::string(344, 'B'));
  std::string unfolded;
  for (std::size_t begin = 0; begin < field.text().size();) {
    const std::size_t end = std::min(field.text().find("\r\n", begin), field.text().size());
    EXPECT_LE(end - begin, 78U);
    unfolded += field.text().substr(begin, end - begin);
    begin = end + 2;
  }
  std::erase(unfolded, '\t');
  EXPECT_EQ(unfolded,
            "DKIM-Signature: v=1;d=" + std::string(60, 'd') +
                "; h=From:To:Subject:Date:Message-ID:Content-Type:Content-Transfer-Encoding:MIME-Version:Reply-To:Sender;"
                " bh=" +
                std::string(44, 'H') + "; b=" + std::string(344, 'B'));
}

}  // namespace
}  // namespace postern::message
