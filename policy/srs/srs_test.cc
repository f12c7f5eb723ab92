#include "policy/srs/srs.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::srs {
namespace {

constexpr std::int64_t kDay = 20785;  // 2026-11-28

std::string encoded(std::string_view text, std::string_view local_part, std::string_view domain,
                    std::string_view secret = "secret") {
  return encode({.text = text, .local_part = local_part, .domain = domain}, secret, "o.example", kDay).value_or("none");
}

// What Exim 4.96 makes of them on that day.
TEST(Srs, EncodesAsEximDoes) {
  EXPECT_EQ(encoded("a@b.example", "a", "b.example"), "SRS0=629b=jr=b.example=a@o.example");
  EXPECT_EQ(encoded("A@B.EXAMPLE", "A", "B.EXAMPLE"), "SRS0=629b=jr=B.EXAMPLE=A@o.example");
  EXPECT_EQ(encoded("local", "local", ""), "SRS0=9fe6=jr==local@o.example");
  EXPECT_EQ(encoded("a@b.example", "a", "b.example", ""), "SRS0=423e=jr=b.example=a@o.example");
  EXPECT_EQ(encoded("a=b=c@b.example", "a=b=c", "b.example"), "SRS0=089b=jr=b.example=a=b=c@o.example");
  EXPECT_EQ(encoded("\"a b\"@b.example", "\"a b\"", "b.example", "Secret"), "\"SRS0=e7f3=jr=b.example=a b\"@o.example");
  EXPECT_EQ(encoded("SRS0=abcd=KW=far.example=bob@fwd.example", "SRS0=abcd=KW=far.example=bob", "fwd.example"),
            "SRS0=e531=jr=fwd.example=SRS0=abcd=KW=far.example=bob@o.example");
}

std::string recipient(std::string_view local_part) {
  const auto decoded = decode(local_part);
  return decoded ? decoded->recipient : "none";
}

TEST(Srs, DecodesAsEximDoes) {
  EXPECT_EQ(recipient("SRS0=629b=jr=b.example=a"), "a@b.example");
  EXPECT_EQ(recipient("srs0=629b=ZZ=B.EXAMPLE=A"), "a@b.example");
  EXPECT_EQ(recipient("SRS0=9fe6=jr==local"), "local@");
  EXPECT_EQ(recipient("SRS0=e7f3=jr=b.example=a b"), "\"a b\"@b.example");
  EXPECT_EQ(recipient("SRS0=e7f3=jr=b.example=a\"b\\c"), "\"a\\\"b\\\\c\"@b.example");
  EXPECT_EQ(recipient("SRS0=629b=jr=b=c=d@e"), "\"c=d@e\"@b");
  EXPECT_EQ(recipient("SRS0=629b=jr=b.example="), "@b.example");
  for (const char* const text :
       {"", "xx", "SRS0", "SRS0=", "SRS0=629b", "SRS0==jr=b=c", "SRS0=629b=j1=b=c", "SRS0=629b=jrr=b=c", "SRS0=629b=jr=b",
        "\"SRS0=629b=jr=b=c\"", "SRS0+629b=jr=b=c", "SRS1=hhhh=a==b=jr=c=d", "SRS0=629b=jr=b=c\nd"})
    EXPECT_EQ(recipient(text), "none") << text;
}

bool valid(std::string_view local_part, std::string_view secret = "secret", std::int64_t day = kDay) {
  const auto decoded = decode(local_part);
  return decoded && is_valid(*decoded, secret, day);
}

TEST(Srs, KnowsItsOwn) {
  EXPECT_TRUE(valid("SRS0=629b=jr=b.example=a"));
  EXPECT_TRUE(valid("SRS0=629b=jr=B.EXAMPLE=A"));
  EXPECT_TRUE(valid("SRS0=e7f3=jr=b.example=a b", "Secret"));
  EXPECT_FALSE(valid("SRS0=629b=jr=b.example=a", "other"));
  EXPECT_FALSE(valid("SRS0=629b=jr=b.example=ab"));
  EXPECT_FALSE(valid("SRS0=629B=jr=b.example=a"));
  EXPECT_FALSE(valid("SRS0=629=jr=b.example=a"));
  EXPECT_FALSE(valid("SRS0=629bZZ=jr=b.example=a"));
  EXPECT_FALSE(valid("SRS0=629b=JR=b.example=a"));
  EXPECT_FALSE(valid("SRS0=9fe6=jr==local"));
}

TEST(Srs, IsGoodForTenDays) {
  EXPECT_TRUE(valid("SRS0=629b=jr=b.example=a", "secret", kDay + kDays));
  EXPECT_FALSE(valid("SRS0=629b=jr=b.example=a", "secret", kDay + kDays + 1));
  EXPECT_FALSE(valid("SRS0=629b=jr=b.example=a", "secret", kDay - 1));
  EXPECT_TRUE(valid("SRS0=629b=jr=b.example=a", "secret", kDay + 1024));
}

TEST(Srs, WhatIsQuotedComesBack) {
  const std::string_view original = "\"a\\\"b c\"@b.example";
  const std::string made = encoded(original, "\"a\\\"b c\"", "b.example");
  EXPECT_TRUE(made.ends_with("=b.example=a\\\"b c\"@o.example")) << made;
  const std::string hash = made.substr(6, 4);
  const std::string bare = "SRS0=" + hash + "=jr=b.example=a\"b c";
  EXPECT_EQ(recipient(bare), original);
  EXPECT_TRUE(valid(bare));
}

TEST(Srs, IsCutAnywhere) {
  const std::string whole = "SRS0=629b=jr=b.example=a b\"\\c";
  for (std::size_t size = 0; size <= whole.size(); ++size) EXPECT_EQ(valid(whole.substr(0, size)), size == 24) << size;
}

}  // namespace
}  // namespace postern::srs
