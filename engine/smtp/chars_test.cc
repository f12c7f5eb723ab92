#include "engine/smtp/chars.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::smtp {
namespace {

// Each class spelt out by hand, so that the table is held to the RFCs and not to its own generator.
struct ClassCase {
  const char* name;
  CharClass set;
  std::string_view members;
};

constexpr ClassCase kClasses[] = {
    {"digit", CharClass::digit, "0123456789"},
    {"hex", CharClass::hex, "0123456789ABCDEFabcdef"},
    {"hyphen", CharClass::hyphen, "-"},
    {"blank", CharClass::blank, " \t"},
    {"ldh", CharClass::ldh, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
    {"atext", CharClass::atext, "!#$%&'*+-/0123456789=?ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~"},
    {"qtext", CharClass::qtext,
     " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"},
    {"xchar", CharClass::xchar,
     "!\"#$%&'()*,-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"},
    {"esmtp_value", CharClass::esmtp_value,
     "!\"#$%&'()*+,-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"},
};

TEST(Chars, TableHoldsExactlyTheMembers) {
  for (const ClassCase& c : kClasses) {
    for (int byte = 0; byte < 256; ++byte) {
      const char as_char = static_cast<char>(byte);
      EXPECT_EQ(is(c.set, as_char), c.members.find(as_char) != c.members.npos) << c.name << " byte " << byte;
    }
  }
}

TEST(Chars, ControlAndHighCoverTheUnprintable) {
  for (int byte = 0; byte < 256; ++byte) {
    const char as_char = static_cast<char>(byte);
    EXPECT_EQ(is(CharClass::control, as_char), byte < 32 || byte == 127) << byte;
    EXPECT_EQ(is(CharClass::high, as_char), byte > 127) << byte;
  }
}

TEST(Chars, CaseFoldingIsAsciiOnly) {
  EXPECT_TRUE(equal_ignoring_case("Example.ORG", "eXAMPLE.org"));
  EXPECT_FALSE(equal_ignoring_case("example.org", "example.orgx"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));                // 0x5b and 0x7b differ in the case bit only
  EXPECT_FALSE(equal_ignoring_case("\xc3\x84", "\xc3\xa4"));  // a-umlaut, upper and lower
  EXPECT_TRUE(starts_with_ignoring_case("FROM:<>", "from:"));
  EXPECT_FALSE(starts_with_ignoring_case("FRO", "from:"));
  std::string out = "x";
  append_lower(out, "AbC\xc3\x84");
  EXPECT_EQ(out, "xabc\xc3\x84");
  EXPECT_EQ(upper('z'), 'Z');
  EXPECT_EQ(upper('{'), '{');
}

TEST(Chars, HexValues) {
  EXPECT_EQ(hex_value('0'), 0U);
  EXPECT_EQ(hex_value('9'), 9U);
  EXPECT_EQ(hex_value('A'), 10U);
  EXPECT_EQ(hex_value('f'), 15U);
}

TEST(Chars, Trim) {
  EXPECT_EQ(trim_blanks(" \t a b\t "), "a b");
  EXPECT_EQ(trim_blanks(" \t "), "");
  EXPECT_EQ(trim_blanks("a"), "a");
}

}  // namespace
}  // namespace postern::smtp
