#include "bench/load/envelope.h"

#include <gtest/gtest.h>

namespace postern::load {
namespace {

std::string group(const Envelope& envelope, BlockPool& pool, std::uint64_t message, bool with_data) {
  Chain chain;
  envelope.append_group(chain, pool, message, with_data);
  return chain.to_string();
}

TEST(Envelope, AGroupIsTheCommandsInOrder) {
  BlockPool pool;
  const Envelope envelope("", "box%r@example.test", 2);
  EXPECT_EQ(group(envelope, pool, 7, true),
            "MAIL FROM:<>\r\nRCPT TO:<box0@example.test>\r\nRCPT TO:<box1@example.test>\r\nDATA\r\n");
  EXPECT_EQ(group(envelope, pool, 7, false), "MAIL FROM:<>\r\nRCPT TO:<box0@example.test>\r\nRCPT TO:<box1@example.test>\r\n");
}

TEST(Envelope, NumbersOfMessagesAreFilledIn) {
  BlockPool pool;
  const Envelope envelope("s%n@a.test", "%n.%r.%%@a.test", 2);
  EXPECT_EQ(group(envelope, pool, 12, true),
            "MAIL FROM:<s12@a.test>\r\nRCPT TO:<12.0.%%@a.test>\r\nRCPT TO:<12.1.%%@a.test>\r\nDATA\r\n");
  Chain chain;
  envelope.append_mail(chain, pool, 3);
  envelope.append_rcpt(chain, pool, 3, 1);
  EXPECT_EQ(chain.to_string(), "MAIL FROM:<s3@a.test>\r\nRCPT TO:<3.1.%%@a.test>\r\n");
}

TEST(Envelope, MoreThanABlockOfRecipients) {
  BlockPool pool;
  const Envelope fixed("a@a.test", std::string(200, 'x') + "%r@a.test", 1000);
  const Envelope varying("a@a.test", std::string(200, 'x') + "%r@a.test%n", 1000);
  EXPECT_GT(group(varying, pool, 1, true).size(), BlockPool::kLargest);
  EXPECT_EQ(std::ranges::count(group(fixed, pool, 1, true), '\n'), 1002);
  EXPECT_EQ(std::ranges::count(group(varying, pool, 1, true), '\n'), 1002);
}

}  // namespace
}  // namespace postern::load
