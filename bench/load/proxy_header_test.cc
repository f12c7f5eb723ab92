#include "bench/load/proxy_header.h"

#include <gtest/gtest.h>

#include <set>

namespace postern::load {
namespace {

SocketAddress at(const char* address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

TEST(ProxyHeader, Version1) {
  EXPECT_EQ(proxy_header_v1(at("192.0.2.1", 56324), at("198.51.100.7", 25)), "PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n");
  EXPECT_EQ(proxy_header_v1(at("2001:db8::1", 1), at("::1", 65535)), "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
}

TEST(ProxyHeader, Version2) {
  using namespace std::string_literals;
  EXPECT_EQ(proxy_header_v2(at("192.0.2.1", 0x1234), at("198.51.100.7", 25)),
            "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\x12\x34\x00\x19"s);
  EXPECT_EQ(proxy_header_v2(at("2001:db8::1", 0x1234), at("::1", 2525)),
            "\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24"s + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s +
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"s + "\x12\x34\x09\xdd"s);
}

TEST(ProxyHeader, AddressesComeFromTheWholeNetworkAndNowhereElse) {
  SeededRandom random(5);
  const IpNetwork small = *IpNetwork::parse("192.0.2.248/30");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(random_address(small, random).to_string());
  EXPECT_EQ(seen, (std::set<std::string>{"192.0.2.248", "192.0.2.249", "192.0.2.250", "192.0.2.251"}));

  const IpNetwork large = *IpNetwork::parse("2001:db8:5::/48");
  seen.clear();
  for (int i = 0; i < 200; ++i) {
    const IpAddress address = random_address(large, random);
    EXPECT_TRUE(large.contains(address));
    seen.insert(address.to_string());
  }
  EXPECT_EQ(seen.size(), 200U);
  EXPECT_EQ(random_address(*IpNetwork::parse("10.1.2.3"), random).to_string(), "10.1.2.3");
}

}  // namespace
}  // namespace postern::load
