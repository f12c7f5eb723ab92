#include "engine/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/base/random.h"

namespace postern {
namespace {

std::string encode(std::uint32_t point) {
  std::string out;
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
  return out;
}

TEST(Utf8, EveryCodePointAndNoSurrogate) {
  for (std::uint32_t point = 0; point < 0x110000; ++point) {
    const std::string text = encode(point);
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    ASSERT_EQ(utf8_sequence_length(text + "x"), surrogate ? 0 : text.size()) << std::hex << point;
    ASSERT_EQ(is_utf8(text), !surrogate);
    for (std::size_t cut = 0; cut < text.size(); ++cut) ASSERT_EQ(utf8_sequence_length(text.substr(0, cut)), 0U);
  }
  for (std::uint32_t point = 0x110000; point < 0x200000; point += 0x111) ASSERT_EQ(utf8_sequence_length(encode(point)), 0U);
}

// Every string of two bytes, against RFC 3629 section 4 written out.
TEST(Utf8, EveryPairOfBytes) {
  for (unsigned first = 0; first < 256; ++first)
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const bool continuation = second >= 0x80 && second <= 0xbf;
      const bool expected = (first < 0x80 && second < 0x80) || (first >= 0xc2 && first <= 0xdf && continuation);
      ASSERT_EQ(is_utf8(text), expected) << std::hex << first << " " << second;
      ASSERT_EQ(is_ascii(text), first < 0x80 && second < 0x80);
    }
}

TEST(Utf8, IllFormed) {
  static constexpr std::string_view kCases[] = {
      "\xc0\x80",
      "\xc1\xbf",
      "\xe0\x80\x80",
      "\xe0\x9f\xbf",
      "\xf0\x80\x80\x80",
      "\xf0\x8f\xbf\xbf",  // overlong
      "\xed\xa0\x80",
      "\xed\xbf\xbf",
      "\xed\xa0\xbd\xed\xb8\x80",  // surrogates
      "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80",
      "\xf8\x88\x80\x80\x80",
      "\xfe",
      "\xff",  // too high
      "\x80",
      "\xbf",
      "a\x80",
      "\xc3",
      "\xe2\x82",
      "\xf0\x9f\x98",
      "\xc3(",
      "\xe2\x28\xa1",
      "\xe2\x82(",
      "\xf0\x9f\x98(",
  };
  for (const std::string_view text : kCases) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
    EXPECT_FALSE(is_ascii(text));
  }
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_ascii(""));
  EXPECT_EQ(utf8_sequence_length(""), 0U);
  EXPECT_TRUE(is_utf8(std::string_view("\0a", 2)));
}

}  // namespace
}  // namespace postern
