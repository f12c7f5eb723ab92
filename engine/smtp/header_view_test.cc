#include "engine/smtp/header_view.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace postern::smtp {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct HeaderCase {
  std::string text;   // of a message
  std::size_t bytes;  // of its header block
  bool complete;      // an empty line was seen
  std::uint32_t received;
  Fields fields;
};

const std::vector<HeaderCase>& cases() {
  static const std::vector<HeaderCase> all{
      {"", 0, false, 0, {}},
      {"\r\n", 2, true, 0, {}},
      {"\r\nbody: no\r\n", 2, true, 0, {}},
      {"a: b\r\n\r\nbody", 8, true, 0, {{"a", " b"}}},
      {"Subject: hello\r\n\r\n", 18, true, 0, {{"Subject", " hello"}}},
      {"Subject: hello\r\n", 16, false, 0, {{"Subject", " hello"}}},
      {"no end", 6, false, 0, {{"", "no end"}}},
      {"Received: x\r\n\r\n", 15, true, 1, {{"Received", " x"}}},
      {"received: x\r\nRECEIVED: y\r\nReceivedX: z\r\n\r\nReceived: body\r\n",
       42,
       true,
       2,
       {{"received", " x"}, {"RECEIVED", " y"}, {"ReceivedX", " z"}}},
      {"a:1\r\nb:2\r\n\r\n", 12, true, 0, {{"a", "1"}, {"b", "2"}}},
      {"A: one\r\n two\r\n\tthree\r\nB: x\r\n\r\n", 30, true, 0, {{"A", " one\r\n two\r\n\tthree"}, {"B", " x"}}},
      {"A : spaced\r\n\r\n", 14, true, 0, {{"A", " spaced"}}},
      {"junk line\r\nB: x\r\n\r\n", 19, true, 0, {{"", "junk line"}, {"B", " x"}}},
      {": no name\r\n\r\n", 13, true, 0, {{"", ": no name"}}},
      {" starts folded\r\nB: x\r\n\r\n", 24, true, 0, {{"", " starts folded"}, {"B", " x"}}},
      {"A: only\r\n \r\n\r\nbody", 14, true, 0, {{"A", " only\r\n "}}},
      {"Long-Field-Name: " + std::string(3000, 'v') + "\r\n\r\n",
       3021,
       true,
       0,
       {{"Long-Field-Name", " " + std::string(3000, 'v')}}},
  };
  return all;
}

// A chain whose slices end at the given offsets.
Chain chain_of(BlockPool& pool, std::string_view text, const std::vector<std::size_t>& cuts) {
  Chain chain;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    chain.append(copy_to_slice(pool, text.substr(at, cut - at)));
    at = cut;
  }
  chain.append(copy_to_slice(pool, text.substr(at)));
  return chain;
}

Fields fields_of(const HeaderView& view) {
  Fields fields;
  view.for_each([&](const HeaderField& field) {
    fields.emplace_back(field.name.view(), field.value.view());
    return true;
  });
  return fields;
}

void expect_scan(const HeaderCase& c, const HeaderScanner& scanner) {
  EXPECT_EQ(scanner.bytes(), c.bytes) << c.text;
  EXPECT_EQ(scanner.is_complete(), c.complete) << c.text;
  EXPECT_EQ(scanner.received_fields(), c.received) << c.text;
}

TEST(HeaderScanner, FindsTheEndInOnePieceAndCutAnywhere) {
  for (const HeaderCase& c : cases()) {
    HeaderScanner whole;
    EXPECT_EQ(whole.step(c.text), c.bytes);
    expect_scan(c, whole);
    for (std::size_t cut = 0; cut <= c.text.size(); ++cut) {
      HeaderScanner scanner;
      const std::string_view text = c.text;
      const std::size_t taken = scanner.step(text.substr(0, cut));
      EXPECT_EQ(taken, std::min(cut, c.bytes));
      if (!scanner.is_complete()) EXPECT_EQ(scanner.step(text.substr(cut)), c.bytes - taken);
      expect_scan(c, scanner);
    }
  }
}

TEST(HeaderScanner, FindsTheEndByteByByte) {
  for (const HeaderCase& c : cases()) {
    HeaderScanner scanner;
    for (std::size_t i = 0; i < c.text.size() && !scanner.is_complete(); ++i)
      EXPECT_EQ(scanner.step(std::string_view(c.text).substr(i, 1)), 1U);
    expect_scan(c, scanner);
  }
}

TEST(HeaderView, ReadsFieldsFromOneSliceAndFromMany) {
  BlockPool pool;
  for (const HeaderCase& c : cases()) {
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(c.text.size(), 64); ++cut) {
      const Chain chain = chain_of(pool, c.text, {cut / 2, cut});
      const HeaderView view(chain, c.bytes, pool);
      EXPECT_EQ(view.block().view(), std::string_view(c.text).substr(0, c.bytes));
      EXPECT_EQ(fields_of(view), c.fields) << c.text;
    }
  }
}

TEST(HeaderView, FindsByNameInAnyCase) {
  BlockPool pool;
  const Chain chain = chain_of(pool, "To: a\r\nMessage-ID: <1@x>\r\nmessage-id: <2@x>\r\n\r\n", {});
  const HeaderView view(chain, chain.size(), pool);
  ASSERT_TRUE(view.find("message-id").has_value());
  EXPECT_EQ(view.find("MESSAGE-ID")->trimmed().view(), "<1@x>");
  EXPECT_FALSE(view.find("Subject").has_value());
  EXPECT_FALSE(view.find("Message").has_value());
}

TEST(HeaderView, JoinsBlocksLargerThanThePoolHas) {
  BlockPool pool;
  std::string text;
  while (text.size() < 2 * BlockPool::kLargest) text += "Field: " + std::string(1000, 'x') + "\r\n";
  text += "Last: z\r\n\r\n";
  Chain chain;
  for (std::size_t at = 0; at < text.size(); at += 10'000)
    chain.append(copy_to_slice(pool, std::string_view(text).substr(at, 10'000)));
  const HeaderView view(chain, text.size(), pool);
  EXPECT_EQ(view.block().view(), text);
  EXPECT_EQ(view.find("last")->trimmed().view(), "z");
}

TEST(HeaderView, ReadsOneSliceWithoutCopying) {
  BlockPool pool;
  const Chain chain = chain_of(pool, "A: b\r\n\r\nbody", {});
  const HeaderView view(chain, 8, pool);
  EXPECT_EQ(view.block().view().data(), chain[0].data());
}

}  // namespace
}  // namespace postern::smtp
