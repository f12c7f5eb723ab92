#include "net/dns/resolv_conf.h"

#include <gtest/gtest.h>

namespace postern::dns {
namespace {

TEST(ResolvConf, ReadsWhatItKnows) {
  const ResolverSettings settings = parse_resolv_conf(
      "# comment\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver bad\nsearch a.example b.example\n"
      "options timeout:3 attempts:4 ndots:2 trust-ad unknown:1\nnonsense\n");
  ASSERT_EQ(settings.servers.size(), 2U);
  EXPECT_EQ(settings.servers[0].to_string(), "[192.0.2.53]:53");
  EXPECT_EQ(settings.search, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(settings.timeout_ms, 3000);
  EXPECT_EQ(settings.attempts, 4U);
  EXPECT_EQ(settings.dots_min, 2U);
  EXPECT_TRUE(settings.trust_ad);
}

TEST(ResolvConf, DefaultsAndBounds) {
  const ResolverSettings none = parse_resolv_conf("");
  ASSERT_EQ(none.servers.size(), 1U);
  EXPECT_EQ(none.servers[0].to_string(), "[127.0.0.1]:53");
  EXPECT_FALSE(none.trust_ad);
  std::string text;
  for (int i = 1; i < 9; ++i) text += "nameserver 192.0.2." + std::to_string(i) + "\n";
  text += "options timeout:999999 attempts:0 ndots:99\nsearch a b c d e f g h i\nsearch x\n";
  const ResolverSettings many = parse_resolv_conf(text);
  EXPECT_EQ(many.servers.size(), kServersMax);
  EXPECT_EQ(many.timeout_ms, 30'000);
  EXPECT_EQ(many.attempts, 1U);
  EXPECT_EQ(many.dots_min, 15U);
  EXPECT_EQ(many.search, std::vector<std::string>{"x"});
}

TEST(ResolvConf, CutAnywhereItIsRead) {
  const std::string text = "nameserver 192.0.2.53\nsearch a.example\noptions timeout:3 trust-ad\n";
  for (std::size_t length = 0; length <= text.size(); ++length)
    EXPECT_EQ(parse_resolv_conf(text.substr(0, length)).servers.size(), 1U);
}

TEST(ResolvConf, ServersWithPorts) {
  EXPECT_EQ(parse_server("192.0.2.1")->to_string(), "[192.0.2.1]:53");
  EXPECT_EQ(parse_server("192.0.2.1:5353")->to_string(), "[192.0.2.1]:5353");
  EXPECT_EQ(parse_server("[2001:db8::1]:5353")->to_string(), "[2001:db8::1]:5353");
  EXPECT_EQ(parse_server("2001:db8::1")->to_string(), "[2001:db8::1]:53");
  for (const char* bad : {"", "x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1", "host:53"})
    EXPECT_FALSE(parse_server(bad)) << bad;
}

}  // namespace
}  // namespace postern::dns
