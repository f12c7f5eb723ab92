#include "net/dns/host_names.h"

#include <gtest/gtest.h>

#include <optional>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::dns {
namespace {

class HostNamesTest : public testing::Test {
 protected:
  HostNames look_up(const char* address, std::int64_t ms = 0) {
    Gate gate;
    gate.start(run(*this, *IpAddress::parse(address)));
    scheduler_.advance_ms(ms);
    EXPECT_EQ(gate.inside(), 0U);
    return result_.value_or(HostNames{});
  }
  static Task<void> run(HostNamesTest& test, IpAddress address) {
    test.result_ = co_await look_up_host_names(test.resolver_, address, {});
  }
  ManualScheduler scheduler_;
  FakeResolver resolver_;
  std::optional<HostNames> result_;
};

TEST_F(HostNamesTest, ANameThatLeadsBackIsTheHosts) {
  resolver_.add_pointer("192.0.2.1", "Wrong.example");
  resolver_.add_pointer("192.0.2.1", "Mail.example");
  resolver_.add_pointer("192.0.2.1", "smtp.example");
  resolver_.add_address("wrong.example", "192.0.2.9");
  resolver_.add_address("mail.example", "192.0.2.1");
  resolver_.add_address("smtp.example", "192.0.2.1");
  const HostNames names = look_up("192.0.2.1");
  EXPECT_EQ(names.result, HostNames::Result::confirmed);
  EXPECT_EQ(names.name.view(), "mail.example");
  ASSERT_EQ(names.aliases.size(), 1U);
  EXPECT_EQ(names.aliases[0].view(), "smtp.example");
  EXPECT_FALSE(names.authenticated);
}

TEST_F(HostNamesTest, IPv6AndBothDirectionsAuthenticated) {
  resolver_.add_pointer("2001:db8::1", "mail.example");
  resolver_.add_address("mail.example", "2001:db8::1");
  resolver_.authenticate(reverse_name(*IpAddress::parse("2001:db8::1")), Type::ptr);
  EXPECT_FALSE(look_up("2001:db8::1").authenticated);
  resolver_.authenticate("mail.example", Type::aaaa);
  EXPECT_TRUE(look_up("2001:db8::1").authenticated);
}

TEST_F(HostNamesTest, WithoutOrWithAWrongNameItFails) {
  EXPECT_EQ(look_up("192.0.2.1").result, HostNames::Result::none);
  EXPECT_EQ(result_->why, "no host name found for IP address 192.0.2.1");
  EXPECT_FALSE(result_->unconfirmed);
  resolver_.add_pointer("192.0.2.1", "liar.example");
  resolver_.add_address("liar.example", "198.51.100.1");
  EXPECT_EQ(look_up("192.0.2.1").result, HostNames::Result::none);
  EXPECT_TRUE(result_->unconfirmed);
  EXPECT_EQ(result_->why, "192.0.2.1 does not match any IP address for liar.example");
}

TEST_F(HostNamesTest, AFailureIsNoAbsence) {
  resolver_.fail("1.2.0.192.in-addr.arpa", Type::ptr);
  EXPECT_EQ(look_up("192.0.2.1").result, HostNames::Result::deferred);
  resolver_.add_pointer("192.0.2.2", "a.example");
  resolver_.add_pointer("192.0.2.2", "b.example");
  resolver_.fail("a.example", Type::a);
  EXPECT_EQ(look_up("192.0.2.2").result, HostNames::Result::deferred);
  resolver_.add_address("b.example", "192.0.2.2");
  EXPECT_EQ(look_up("192.0.2.2").result, HostNames::Result::confirmed);
}

TEST_F(HostNamesTest, NamesAreAskedForTogetherAndOnlySoMany) {
  for (int i = 0; i < 40; ++i) {
    const std::string name = "n" + std::to_string(i) + ".example";
    resolver_.add_pointer("192.0.2.1", name);
    resolver_.add_address(name, "192.0.2.1");
    resolver_.delay(name, Type::a, 100);
  }
  EXPECT_EQ(look_up("192.0.2.1", 110).result, HostNames::Result::confirmed);
  EXPECT_EQ(result_->aliases.size(), kHostNamesMax - 1);
}

}  // namespace
}  // namespace postern::dns
