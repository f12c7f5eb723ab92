#include "bench/load/messages.h"

#include <gtest/gtest.h>

namespace postern::load {
namespace {

std::string whole(const Messages::Text& text) { return std::string(text.text) + std::string(text.rest); }

// Every line ends with CR LF, none begins with a dot or is longer than RFC 5322 wants, and there is a body behind a header.
void expect_well_formed(std::string_view message) {
  EXPECT_NE(message.find("\r\n\r\n"), std::string_view::npos);
  while (!message.empty()) {
    const std::size_t end = message.find_first_of("\r\n");
    ASSERT_NE(end, std::string_view::npos) << "last line not ended";
    ASSERT_EQ(message.substr(end, 2), "\r\n");
    EXPECT_LE(end, 78U);
    EXPECT_FALSE(message.starts_with('.'));
    message.remove_prefix(end + 2);
  }
}

TEST(Messages, EverySizeIsExactAndWellFormed) {
  SeededRandom random(1);
  for (std::size_t bytes = SizeDistribution::kSmallest; bytes < 600; ++bytes) {
    const auto sizes = *SizeDistribution::parse(std::to_string(bytes));
    const Messages messages(sizes);
    const auto text = messages.draw(random);
    EXPECT_TRUE(text.rest.empty()) << "one piece is cheaper to send";
    EXPECT_EQ(text.bytes, bytes);
    const std::string message = whole(text);
    ASSERT_EQ(message.size(), bytes + 3);
    ASSERT_TRUE(message.ends_with("\r\n.\r\n"));
    expect_well_formed(std::string_view(message).substr(0, bytes));

    EXPECT_EQ(whole(text.without_dot()), message.substr(0, bytes));
  }
}

TEST(Messages, EverySizeOfARangeToo) {
  SeededRandom random(2);
  const Messages messages(*SizeDistribution::parse("200-420:9,2k"));
  std::vector<bool> seen(2049);
  for (int i = 0; i < 10'000; ++i) {
    const auto text = messages.draw(random);
    if (seen[text.bytes]) continue;
    seen[text.bytes] = true;
    const std::string message = whole(text.without_dot());
    ASSERT_EQ(message.size(), text.bytes);
    ASSERT_EQ(whole(text), message + ".\r\n");
    expect_well_formed(message);
  }
  EXPECT_EQ(std::ranges::count(seen, true), 222);
}

}  // namespace
}  // namespace postern::load
