#include "engine/base/peer_text.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/base/random.h"
#include "engine/base/utf8.h"

namespace postern {
namespace {

TEST(Printable, Table) {
  static constexpr struct {
    std::string_view bytes;
    std::string_view shown;
  } kCases[] = {
      {"", ""},
      {"plain text", "plain text"},
      {"a\r\nb\tc", "a\\r\\nb\\tc"},
      {"back\\slash \\n", "back\\\\slash \\\\n"},
      {std::string_view("\0\x01\x1b[31m\x7f", 8), "\\000\\001\\033[31m\\177"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"\xf0\x9f\x93\xa7", "\xf0\x9f\x93\xa7"},
      {"latin1 \xfc", "latin1 \\374"},
      {"\xc3", "\\303"},
      {"\xed\xa0\x80", "\\355\\240\\200"},
      {"\xc3\xc3\xbc", "\\303\xc3\xbc"},
      // C1 control characters: 8-bit forms of ESC [ and its like, and NEL, which some take for a line end.
      {"\xc2\x9b"
       "31m",
       "\\302\\23331m"},
      {"\xc2\x80\xc2\x85\xc2\x9f", "\\302\\200\\302\\205\\302\\237"},
      {"\xc2\xa0", "\xc2\xa0"},
      // LINE SEPARATOR and PARAGRAPH SEPARATOR end lines too.
      {"a\xe2\x80\xa8"
       "b\xe2\x80\xa9",
       "a\\342\\200\\250b\\342\\200\\251"},
      {"\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf"},
  };
  for (const auto& c : kCases) EXPECT_EQ(printable(c.bytes), c.shown);
}

TEST(Printable, LongTextIsCut) {
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("abc", 0), "...");
  EXPECT_EQ(printable("", 0), "");
  EXPECT_EQ(printable("\xc3\xbc", 1), "\\303...") << "half a character is not one";
  EXPECT_EQ(printable(std::string(600, 'x')), std::string(512, 'x') + "...");
  std::string out = "before ";
  append_printable(out, "after");
  EXPECT_EQ(out, "before after");
}

// What holds for every input: one line, no control character in any encoding, valid UTF-8, and the length is bounded.
void expect_tame(std::string_view bytes, std::string_view shown) {
  ASSERT_TRUE(is_utf8(shown));
  ASSERT_LE(shown.size(), bytes.size() * 4 + 3);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto c = static_cast<unsigned char>(shown[i]);
    ASSERT_TRUE(c >= 0x20 && c != 0x7f);
    if (c == 0xc2) ASSERT_GE(static_cast<unsigned char>(shown[i + 1]), 0xa0);
  }
  ASSERT_EQ(shown.find("\xe2\x80\xa8"), shown.npos);
  ASSERT_EQ(shown.find("\xe2\x80\xa9"), shown.npos);
}

TEST(Printable, NeverEmitsControlCharacters) {
  SeededRandom random(7);
  static constexpr unsigned char kLikely[] = {0xc2, 0x85, 0x9b, 0xe2, 0x80, 0xa8, 0xa9,
                                              0x0a, 0x0d, 0x1b, 0xf0, 0x9f, 0xed, '\\'};
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes(random.below(40), '\0');
    for (char& c : bytes)
      c = static_cast<char>(random.below(2) == 0 ? kLikely[random.below(sizeof kLikely)] : random.below(256));
    expect_tame(bytes, printable(bytes, random.below(50)));
  }
}

// Different inputs never look the same, so that a log line can be believed.
TEST(Printable, IsUnambiguous) {
  SeededRandom random(8);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random.below(30), '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    const std::string shown = printable(bytes);
    std::string back;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (shown[i] != '\\') {
        back += shown[i];
        continue;
      }
      switch (const char next = shown[++i]) {
        case 'n': back += '\n'; break;
        case 'r': back += '\r'; break;
        case 't': back += '\t'; break;
        case '\\': back += '\\'; break;
        default: back += static_cast<char>((next - '0') << 6 | (shown[i + 1] - '0') << 3 | (shown[i + 2] - '0')); i += 2;
      }
    }
    ASSERT_EQ(back, bytes);
  }
}

TEST(PeerText, KeepsEveryByte) {
  const std::string bytes("a\0b\r\n\xff", 6);
  const PeerText text{std::string_view(bytes)};
  EXPECT_EQ(text.view(), bytes);
  EXPECT_EQ(text.size(), 6U);
  const PeerView view = text;
  EXPECT_EQ(view.view().data(), text.view().data());
  EXPECT_EQ(printable(view), "a\\000b\\r\\n\\377");
}

}  // namespace
}  // namespace postern
