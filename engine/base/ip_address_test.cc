#include "engine/base/ip_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <optional>
#include <string>

#include "engine/base/random.h"

namespace postern {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(IpAddress());
}

TEST(IpAddress, TextForms) {
  static constexpr struct {
    const char* text;
    const char* canonical;  // nullptr: refused
  } kCases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"2001:db8::1", "2001:db8::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"fe80::ffff:1.2.3.4", "fe80::ffff:102:304"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"},
      {"0:0:0:0:0:FFFF:192.0.2.1", "192.0.2.1"},
      {"::fffe:192.0.2.1", "::fffe:c000:201"},
      {"", nullptr},
      {" 192.0.2.1", nullptr},
      {"192.0.2.1 ", nullptr},
      {"192.0.2", nullptr},
      {"192.0.2.", nullptr},
      {".192.0.2.1", nullptr},
      {"192..2.1", nullptr},
      {"192.0.2.1.5", nullptr},
      {"192.0.2.256", nullptr},
      {"192.0.2.01", nullptr},
      {"192.0.2.-1", nullptr},
      {"192.0.2.+1", nullptr},
      {"192.0.2.0x1", nullptr},
      {"3221225985", nullptr},
      {"0300.0.2.1", nullptr},
      {"192.0.2.1:25", nullptr},
      {"[192.0.2.1]", nullptr},
      {"[::1]", nullptr},
      {"::1%lo", nullptr},
      {"fe80::1%eth0", nullptr},
      {":", nullptr},
      {":::", nullptr},
      {"1:2", nullptr},
      {"1::2::3", nullptr},
      {"1:2:3:4:5:6:7:8:9", nullptr},
      {"1:2:3:4:5:6:7:", nullptr},
      {":1:2:3:4:5:6:7", nullptr},
      {"12345::", nullptr},
      {"g::", nullptr},
      {"::192.0.2.256", nullptr},
      {"::192.0.2.1:1", nullptr},
      {"IPv6:::1", nullptr},
      {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"},  // the longest text there is
      {"0000:0000:0000:0000:0000:ffff:255.255.255.2555", nullptr},
  };
  for (const auto& c : kCases) {
    const auto parsed = IpAddress::parse(c.text);
    ASSERT_EQ(parsed.has_value(), c.canonical != nullptr) << c.text;
    if (parsed) EXPECT_EQ(parsed->to_string(), c.canonical);
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0", 10)));
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0::1", 7)));
  EXPECT_FALSE(IpAddress::parse(std::string(100'000, '1')));
}

TEST(IpAddress, EveryAddressSurvivesItsText) {
  SeededRandom random(5);
  for (int i = 0; i < 20'000; ++i) {
    const IpAddress v4 = IpAddress::v4(static_cast<std::uint32_t>(random.next()));
    ASSERT_EQ(IpAddress::parse(v4.to_string()), v4);
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& b : bytes) b = random.below(3) == 0 ? static_cast<std::uint8_t>(random.next()) : 0;
    const IpAddress v6 = IpAddress::v6(bytes);
    ASSERT_EQ(IpAddress::parse(v6.to_string()), v6) << v6.to_string();
  }
}

TEST(IpAddress, Classes) {
  EXPECT_TRUE(address("127.0.0.1").is_loopback());
  EXPECT_TRUE(address("127.255.255.255").is_loopback());
  EXPECT_FALSE(address("128.0.0.1").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_FALSE(address("::2").is_loopback());
  EXPECT_FALSE(address("1::1").is_loopback());
  EXPECT_TRUE(address("::ffff:127.0.0.1").is_loopback());
  EXPECT_TRUE(address("0.0.0.0").is_unspecified());
  EXPECT_TRUE(address("::").is_unspecified());
  EXPECT_FALSE(address("::1").is_unspecified());
  EXPECT_TRUE(address("::").is_v6());
  EXPECT_NE(address("0.0.0.0"), address("::"));
}

// Bit by bit, as the definition says.
bool agree(const IpAddress& a, const IpAddress& b, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i)
    if (((a.bytes()[i / 8] ^ b.bytes()[i / 8]) >> (7 - i % 8) & 1) != 0) return false;
  return true;
}

TEST(IpAddress, PrefixesOfEveryLength) {
  SeededRandom random(6);
  for (int round = 0; round < 200; ++round) {
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next());
    for (const bool v6 : {false, true}) {
      const IpAddress a = v6 ? IpAddress::v6(bytes) : IpAddress::v4(static_cast<std::uint32_t>(random.next()));
      for (unsigned bits = 0; bits <= a.bits(); ++bits) {
        const IpAddress masked = a.masked(bits);
        ASSERT_TRUE(a.shares_prefix(masked, bits));
        ASSERT_EQ(masked.masked(bits), masked);
        for (unsigned i = bits; i < a.bits(); ++i) ASSERT_EQ(masked.bytes()[i / 8] >> (7 - i % 8) & 1, 0);
        // The same address with one bit turned: the prefix is shared exactly when the bit lies behind it.
        const auto turned = static_cast<unsigned>(random.below(a.bits()));
        std::array<std::uint8_t, 16> other_bytes = a.bytes();
        other_bytes[turned / 8] ^= static_cast<std::uint8_t>(0x80 >> turned % 8);
        std::uint32_t host = 0;
        for (unsigned i = 0; i < 4; ++i) host = host << 8 | other_bytes[i];
        const IpAddress other = v6 ? IpAddress::v6(other_bytes) : IpAddress::v4(host);
        ASSERT_EQ(a.shares_prefix(other, bits), turned >= bits);
        ASSERT_EQ(a.shares_prefix(other, bits), agree(a, other, bits));
      }
    }
  }
  EXPECT_FALSE(IpAddress::v4(0).shares_prefix(IpAddress::v6({}), 0)) << "families never mix";
}

TEST(IpNetwork, TextForms) {
  static constexpr struct {
    const char* text;
    const char* network;  // nullptr: refused
    unsigned bits;
  } kCases[] = {
      {"192.0.2.0/24", "192.0.2.0", 24},
      {"192.0.2.77/24", "192.0.2.0", 24},
      {"192.0.2.77", "192.0.2.77", 32},
      {"192.0.2.77/32", "192.0.2.77", 32},
      {"192.0.2.77/0", "0.0.0.0", 0},
      {"192.0.2.77/31", "192.0.2.76", 31},
      {"2001:db8::/32", "2001:db8::", 32},
      {"2001:db8::1/128", "2001:db8::1", 128},
      {"2001:db8::1", "2001:db8::1", 128},
      {"2001:db8::1/0", "::", 0},
      {"2001:db8:ffff::/33", "2001:db8:8000::", 33},
      // Mapped addresses are written as IPv6, so their prefixes count from the IPv6 form.
      {"::ffff:192.0.2.0/120", "192.0.2.0", 24},
      {"::ffff:0:0/96", "0.0.0.0", 0},
      {"::ffff:192.0.2.1/128", "192.0.2.1", 32},
      {"::ffff:192.0.2.1", "192.0.2.1", 32},
      {"::ffff:192.0.2.0/24", nullptr, 0},  // would be half the IPv6 internet, and cannot be meant
      {"::ffff:0:0/95", nullptr, 0},
      {"::ffff:192.0.2.0/129", nullptr, 0},
      {"192.0.2.0/33", nullptr, 0},
      {"2001:db8::/129", nullptr, 0},
      {"192.0.2.0/", nullptr, 0},
      {"192.0.2.0/-1", nullptr, 0},
      {"192.0.2.0/+1", nullptr, 0},
      {"192.0.2.0/ 1", nullptr, 0},
      {"192.0.2.0/1 ", nullptr, 0},
      {"192.0.2.0/24/24", nullptr, 0},
      {"192.0.2.0/4294967320", nullptr, 0},
      {"192.0.2.0/0x18", nullptr, 0},
      {"192.0.2.0/255.255.255.0", nullptr, 0},
      {"/24", nullptr, 0},
      {"", nullptr, 0},
      {"192.0.2/24", nullptr, 0},
  };
  for (const auto& c : kCases) {
    const auto parsed = IpNetwork::parse(c.text);
    ASSERT_EQ(parsed.has_value(), c.network != nullptr) << c.text;
    if (!parsed) continue;
    EXPECT_EQ(parsed->address.to_string(), c.network) << c.text;
    EXPECT_EQ(parsed->prefix_bits, c.bits) << c.text;
  }
}

TEST(IpNetwork, Contains) {
  static constexpr struct {
    const char* network;
    const char* address;
    bool inside;
  } kCases[] = {
      {"192.0.2.0/24", "192.0.2.0", true},
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.0/24", "::ffff:192.0.2.1", true},
      {"192.0.2.0/24", "::192.0.2.1", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::/0", "127.0.0.1", false},
      {"::ffff:0:0/96", "203.0.113.9", true},
      {"2001:db8::/33", "2001:db8:7fff:ffff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"2001:db8::1/128", "2001:db8::1", true},
      {"2001:db8::1/128", "2001:db8::2", false},
  };
  for (const auto& c : kCases)
    EXPECT_EQ(IpNetwork::parse(c.network)->contains(address(c.address)), c.inside) << c.network << " " << c.address;
}

TEST(SocketAddress, SurvivesTheKernelsForm) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "0.0.0.0", "::"}) {
    const SocketAddress before{address(text), 2525};
    sockaddr_storage storage;
    std::memset(&storage, 0xaa, sizeof storage);
    const unsigned length = before.to_sockaddr(storage);
    EXPECT_EQ(length, before.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)), before);
  }
  EXPECT_EQ((SocketAddress{address("192.0.2.1"), 25}).to_string(), "[192.0.2.1]:25");
  EXPECT_EQ((SocketAddress{address("::1"), 65535}).to_string(), "[::1]:65535");
}

TEST(SocketAddress, AMappedPeerIsAnIPv4Peer) {
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(25);
  raw.sin6_addr.s6_addr[10] = raw.sin6_addr.s6_addr[11] = 0xff;
  raw.sin6_addr.s6_addr[12] = 192;
  raw.sin6_addr.s6_addr[15] = 7;
  EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&raw)), (SocketAddress{address("192.0.0.7"), 25}));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&local)), std::nullopt);
}

}  // namespace
}  // namespace postern
