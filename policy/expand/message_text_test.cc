#include "policy/expand/message_text.h"

#include <gtest/gtest.h>

namespace postern::expand {
namespace {

struct Shown {
  std::string start;
  std::string end;
  std::uint64_t zeros = 0;
  friend bool operator==(const Shown&, const Shown&) = default;
};

Shown shown(std::string_view body, BodyShown how, std::size_t step) {
  BodyEnds ends(how);
  for (; !body.empty(); body.remove_prefix(std::min(step, body.size()))) ends.feed(body.substr(0, step));
  Shown result{.zeros = ends.zero_bytes()};
  ends.append_start(result.start);
  ends.append_end(result.end);
  return result;
}

TEST(BodyEnds, AreTheSameHoweverTheBodyIsCut) {
  using namespace std::string_literals;
  const struct Row {
    std::string body;
    BodyShown how;
    Shown expected;
  } rows[] = {
      {"", {}, {"", "", 0}},
      {"text\r\n", {}, {"text ", "text ", 0}},
      {"text\r\n", {.newlines = true}, {"text\n", "text\n", 0}},
      {"a\0b\r\n\0\r\n"s, {}, {"a b   ", "a b   ", 2}},
      {"a\0b\r\n\0\r\n"s, {.newlines = true}, {"a b\n \n", "a b\n \n", 2}},
      {"\r\n\r\n\r\n", {.characters = 2}, {"  ", "  ", 0}},
      {"12345", {.characters = 3}, {"123", "345", 0}},
      {"12\r\n45\r\n", {.characters = 3}, {"12 ", "45 ", 0}},
      {"12\r\n45\r\n", {.characters = 4}, {"12 4", " 45 ", 0}},
      {"1\r\n\r\n\r\n2", {.characters = 3}, {"1  ", "  2", 0}},
      {"12345", {.characters = 0}, {"", "", 0}},
  };
  for (const Row& row : rows)
    for (std::size_t step = 1; step <= row.body.size() + 1; ++step)
      EXPECT_EQ(shown(row.body, row.how, step), row.expected) << row.body << " by " << step;
}

TEST(BodyEnds, OfAnyLengthAreThoseOfTheWhole) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += std::to_string(i) + (i % 3 == 0 ? "\r\n" : "");
  for (std::uint32_t characters = 1; characters < 300; characters += 7) {
    const Shown whole = shown(body, {.characters = characters}, body.size());
    EXPECT_EQ(whole.start.size(), characters);
    EXPECT_EQ(whole.end.size(), characters);
    for (const std::size_t step : {1, 2, 5, 64, 599, 601})
      EXPECT_EQ(shown(body, {.characters = characters}, step), whole) << characters << " by " << step;
  }
}

TEST(DecodeHeader, DecodesWordsAndTrimsTheEnd) {
  const struct Row {
    std::string fields;
    std::string_view expected;
  } rows[] = {
      {"", ""},
      {"\n", ""},
      {"A: 1\nB: 2\n", "A: 1\nB: 2"},
      {"A: =?utf-8?q?a=C3=A4?=\n =?utf-8?q?b?=\nB: \n", "A: a\xC3\xA4\x62\nB:"},
      {"A: =?utf-8?q?broken\n", "A: =?utf-8?q?broken"},
  };
  for (const Row& row : rows) {
    std::string fields = row.fields;
    decode_header(fields);
    EXPECT_EQ(fields, row.expected);
  }
}

}  // namespace
}  // namespace postern::expand
