#include "policy/message/tag_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/message/signature_words.h"

namespace postern::message {
namespace {

std::string show(std::string_view text) {
  const std::string owned(text);
  const auto list = TagList::read(PeerView(owned));
  if (!list) return '!' + std::string(to_string(list.error()));
  std::string all;
  for (const Tag& tag : list->tags()) all += '[' + std::string(tag.name.view()) + '=' + std::string(tag.value.view()) + ']';
  return all;
}

TEST(TagList, ReadsTagsAndLeavesOutTheSpaceAroundThem) {
  EXPECT_EQ(show("v=1; a=rsa-sha256;d=example.com"), "[v=1][a=rsa-sha256][d=example.com]");
  EXPECT_EQ(show(" v = 1 ;\r\n\tb = AB\r\n CD ;"), "[v=1][b=AB\r\n CD]");
  EXPECT_EQ(show("p="), "[p=]");
  EXPECT_EQ(show("p=;\r\n "), "[p=]");
  EXPECT_EQ(show("bh=ab==; x_1=a=b"), "[bh=ab==][x_1=a=b]");
  EXPECT_EQ(show("V=1; v=2"), "[V=1][v=2]") << "names are case-sensitive";
  EXPECT_EQ(show("i=\xc3\xa9@example.com"), "[i=\xc3\xa9@example.com]");
}

TEST(TagList, RefusesWhatIsNone) {
  const std::string syntax = "!syntax error in the tag list";
  for (const char* text : {"", ";", "v", "v=1;;a=2", "v=1;; ", "=1", "1=v", "v-x=1", "v=1; a", "v=a\x01z", "v 1=2", "v=\x7f"})
    EXPECT_EQ(show(text), syntax) << text;
  EXPECT_EQ(show(std::string_view("v=\0", 3)), syntax);
  EXPECT_EQ(show("v=1; a=2; v=1"), "!a tag stands twice");
  EXPECT_EQ(show("v=" + std::string(TagList::kBytesMax - 1, 'a')), "!the tag list is too long");
}

TEST(TagList, HasACap) {
  std::string text;
  for (std::size_t i = 0; i < TagList::kTagsMax; ++i) text += "t" + std::to_string(i) + "=x;";
  const auto list = TagList::read(PeerView(text));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->tags().size(), TagList::kTagsMax);
  EXPECT_EQ(show(text + "more=x"), "!too many tags");
}

TEST(TagList, SaysWhereAValueStands) {
  const std::string_view text = "v=1; b = AB CD ;s=x";
  const auto list = TagList::read(PeerView(text));
  ASSERT_TRUE(list);
  const Tag* tag = list->find("b");
  ASSERT_NE(tag, nullptr);
  EXPECT_EQ(text.substr(tag->value_begin, tag->value_end - tag->value_begin), " AB CD ");
  EXPECT_EQ(list->find("z"), nullptr);
}

// Whatever stands before a cut reads as it did, but for the tag that was cut.
TEST(TagList, CutAtEveryByte) {
  const std::string text = "v=1; a=rsa-sha256; d=example.com;\r\n\tb=ABCD\r\n EFGH; bh=xyz";
  const auto whole = TagList::read(PeerView(text));
  ASSERT_TRUE(whole);
  for (std::size_t end = 0; end < text.size(); ++end) {
    const std::string owned = text.substr(0, end);
    const auto cut = TagList::read(PeerView(owned));
    if (!cut) continue;
    ASSERT_LE(cut->tags().size(), whole->tags().size());
    for (std::size_t i = 0; i + 1 < cut->tags().size(); ++i) {
      EXPECT_EQ(cut->tags()[i].name, whole->tags()[i].name);
      EXPECT_EQ(cut->tags()[i].value, whole->tags()[i].value);
    }
  }
}

TEST(TagList, UnquotesWhatIsQuotedPrintable) {
  const auto unquote = [](std::string_view text) {
    std::string out = "<";
    return append_unquoted(out, text) ? out : "refused, " + out;
  };
  EXPECT_EQ(unquote("a=3Bb=20c d"), "<a;b cd");
  EXPECT_EQ(unquote("=3"), "refused, <");
  EXPECT_EQ(unquote("a=XY"), "refused, <");
  EXPECT_EQ(unquote("a="), "refused, <");
}

TEST(SignatureWords, Algorithms) {
  EXPECT_EQ(read_algorithm("rsa-sha256"), (Algorithm{crypto::KeyType::rsa, crypto::Hash::sha256}));
  EXPECT_EQ(read_algorithm("ED25519-SHA256"), (Algorithm{crypto::KeyType::ed25519, crypto::Hash::sha256}));
  EXPECT_EQ(read_algorithm("rsa-sha1"), (Algorithm{crypto::KeyType::rsa, crypto::Hash::sha1}));
  for (const char* text : {"", "rsa", "-", "rsa-", "rsa-md5", "dsa-sha256", "rsa-sha256-x", "rsa -sha256"})
    EXPECT_EQ(read_algorithm(text), std::nullopt) << text;
}

TEST(SignatureWords, Canonicalizations) {
  EXPECT_EQ(read_canonicalization("relaxed"), (Canonicalization{Canon::relaxed, Canon::simple}));
  EXPECT_EQ(read_canonicalization("Simple/Relaxed"), (Canonicalization{Canon::simple, Canon::relaxed}));
  for (const char* text : {"", "/", "relaxed/", "/simple", "nofws", "simple/simple/simple"})
    EXPECT_EQ(read_canonicalization(text), std::nullopt) << text;
}

TEST(SignatureWords, SigningNames) {
  for (const char* name : {"example.com", "a", "2020.mail_x", "xn--bcher-kva.example"})
    EXPECT_TRUE(is_signing_name(name)) << name;
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a b", "a\\.b",
                           "b\xc3\xbc"
                           "cher.example"})
    EXPECT_FALSE(is_signing_name(name)) << name;
  EXPECT_TRUE(is_signing_name(std::string(63, 'a')));
  EXPECT_FALSE(is_signing_name(std::string(64, 'a')));
  std::string longest(63, 'a');
  for (int i = 0; i < 3; ++i) longest += '.' + std::string(63, 'b');
  EXPECT_FALSE(is_signing_name(longest)) << "255 bytes of text are 257 on the wire";
}

TEST(SignatureWords, Below) {
  EXPECT_TRUE(is_same_or_below("example.com", "EXAMPLE.com"));
  EXPECT_TRUE(is_same_or_below("a.example.com", "example.com"));
  EXPECT_FALSE(is_same_or_below("aexample.com", "example.com"));
  EXPECT_FALSE(is_same_or_below("com", "example.com"));
}

TEST(SignatureWords, Numbers) {
  EXPECT_EQ(read_number("0"), 0U);
  EXPECT_EQ(read_number("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(read_number(std::string(76, '9')), ~std::uint64_t{0}) << "what does not fit is the largest";
  for (const char* text : {"", "-1", "1x", " 1", "+1"}) EXPECT_EQ(read_number(text), std::nullopt) << text;
}

}  // namespace
}  // namespace postern::message
