#include "appliance/ingress/connection_limits.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "engine/base/random.h"

namespace postern::ingress {
namespace {

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

TEST(ConnectionLimits, TheProcessLimitIsExact) {
  ConnectionLimits limits(3, 1);
  for (const char* client : {"192.0.2.1", "192.0.2.2", "192.0.2.3"})
    EXPECT_EQ(limits.admit(address(client), 0), Admission::admitted);
  EXPECT_EQ(limits.admit(address("192.0.2.4"), 0), Admission::too_many_connections);
  limits.release(address("192.0.2.2"));
  EXPECT_EQ(limits.admit(address("192.0.2.4"), 0), Admission::admitted);
  EXPECT_EQ(limits.connections(), 3U);
}

TEST(ConnectionLimits, TheHostLimitIsExactAndOthersAreNotTouched) {
  ConnectionLimits limits(100, 2);
  EXPECT_EQ(limits.admit(address("192.0.2.1"), 2), Admission::admitted);
  EXPECT_EQ(limits.admit(address("192.0.2.1"), 2), Admission::admitted);
  EXPECT_EQ(limits.admit(address("192.0.2.1"), 2), Admission::too_many_from_host);
  EXPECT_EQ(limits.admit(address("192.0.2.2"), 2), Admission::admitted);
  EXPECT_EQ(limits.connections(), 3U);
  limits.release(address("192.0.2.1"));
  EXPECT_EQ(limits.admit(address("192.0.2.1"), 2), Admission::admitted);
}

TEST(ConnectionLimits, Ipv6IsCountedByItsFirst64Bits) {
  ConnectionLimits limits(100, 3);
  EXPECT_EQ(limits.admit(address("2001:db8:1:2::1"), 1), Admission::admitted);
  EXPECT_EQ(limits.admit(address("2001:db8:1:2:ffff::9"), 1), Admission::too_many_from_host);
  EXPECT_EQ(limits.admit(address("2001:db8:1:3::1"), 1), Admission::admitted);
  limits.release(address("2001:db8:1:2:aaaa::1"));
  EXPECT_EQ(limits.admit(address("2001:db8:1:2::1"), 1), Admission::admitted);
}

TEST(ConnectionLimits, AgreesWithAMapOverRandomComingsAndGoings) {
  ConnectionLimits limits(500, 4);
  SeededRandom random(7);
  std::map<std::uint32_t, std::uint32_t> counts;
  std::uint32_t total = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto host = static_cast<std::uint32_t>(random.below(300));
    const IpAddress client = IpAddress::v4(0x0a000000 + host * 257);
    if (random.below(2) == 0) {
      const Admission expected = total == 500        ? Admission::too_many_connections
                                 : counts[host] == 5 ? Admission::too_many_from_host
                                                     : Admission::admitted;
      ASSERT_EQ(limits.admit(client, 5), expected);
      if (expected == Admission::admitted) ++counts[host], ++total;
    } else if (counts[host] > 0) {
      limits.release(client);
      --counts[host], --total;
    }
    ASSERT_EQ(limits.connections_from(client), counts[host]);
    ASSERT_EQ(limits.connections(), total);
  }
}

TEST(ConnectionLimits, ExactOverThreads) {
  ConnectionLimits limits(64, 5);
  std::atomic<int> inside{0};
  std::atomic<bool> exceeded{false};
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        SeededRandom random(t);
        for (int i = 0; i < 20'000; ++i) {
          const IpAddress client = IpAddress::v4(static_cast<std::uint32_t>(random.below(4)));
          if (limits.admit(client, 2) != Admission::admitted) continue;
          if (inside.fetch_add(1) + 1 > 8) exceeded = true;
          inside.fetch_sub(1);
          limits.release(client);
        }
      });
  }
  EXPECT_FALSE(exceeded) << "four hosts with two connections each";
  EXPECT_EQ(limits.connections(), 0U);
}

}  // namespace
}  // namespace postern::ingress
