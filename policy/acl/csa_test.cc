#include "policy/acl/csa.h"

#include <gtest/gtest.h>

#include <optional>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::acl {
namespace {

using Names = std::vector<std::string>;

TEST(Csa, ParentsAreAskedFromTheTop) {
  EXPECT_EQ(csa_parents("a.b.c.example.org", 5), (Names{"example.org", "c.example.org", "b.c.example.org"}));
  EXPECT_EQ(csa_parents("a.b.c.example.org", 1), (Names{"example.org", "c.example.org"}));
  EXPECT_EQ(csa_parents("a.b.c.example.org", 0), (Names{"example.org"}));
  EXPECT_EQ(csa_parents("example.org", 5), Names());
  EXPECT_EQ(csa_parents("org", 5), Names());
  EXPECT_EQ(csa_parents("", 5), Names());
  EXPECT_EQ(csa_parents(".", 5), Names());
  EXPECT_EQ(csa_parents("..a.b", 5), (Names{"a.b"}));
  EXPECT_EQ(csa_parents("4.3.2.1.in-addr.arpa", 5), (Names{"1.in-addr.arpa", "2.1.in-addr.arpa", "3.2.1.in-addr.arpa"}));
  EXPECT_EQ(csa_parents("8.7.6.5.4.3.2.1.8.b.d.0.1.0.0.2.ip6.arpa", 5),
            (Names{"1.0.0.2.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "4.3.2.1.8.b.d.0.1.0.0.2.ip6.arpa"}));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "a.";
  EXPECT_EQ(csa_parents(deep + "org", 1000).size(), kCsaSearchMax + 1);
}

class CsaTest : public testing::Test {
 protected:
  CsaResult check(const std::string& domain, CsaSettings settings = {}, std::string_view client = "192.0.2.7") {
    std::optional<CsaResult> result;
    Gate gate;
    gate.start(run(resolver_, domain, *IpAddress::parse(client), settings, result));
    scheduler_.run();
    EXPECT_TRUE(result);
    return result.value_or(CsaResult::unknown);
  }
  static Task<void> run(dns::Resolver& resolver, std::string domain, IpAddress client, CsaSettings settings,
                        std::optional<CsaResult>& result) {
    result = co_await check_csa(resolver, std::move(domain), client, settings, {});
  }
  void add(const std::string& domain, std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
           std::string_view target = "mail.example.org") {
    resolver_.add("_client._smtp." + domain, dns::Type::srv, dns::Service{priority, weight, port, PeerText(target)});
  }

  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
};

TEST_F(CsaTest, TheDomainSaysItself) {
  resolver_.add_address("mail.example.org", "192.0.2.7");
  resolver_.add_address("other.example.org", "192.0.2.8");
  add("ok.example", 1, 2, 0);
  add("other.example", 1, 2, 0, "other.example.org");
  add("none.example", 1, 2, 0, "none.example.org");
  add("root.example", 1, 2, 0, ".");
  add("no.example", 1, 1, 0);
  add("zero.example", 1, 0, 0);
  add("unchecked.example", 1, 3, 0);
  add("version.example", 2, 1, 0);
  EXPECT_EQ(check("ok.example"), CsaResult::ok);
  EXPECT_EQ(check("other.example"), CsaResult::other_address);
  EXPECT_EQ(check("none.example"), CsaResult::no_address);
  EXPECT_EQ(check("ok.example", {}, "2001:db8::1"), CsaResult::no_address);
  EXPECT_EQ(check("root.example"), CsaResult::no_address);
  EXPECT_EQ(check("no.example"), CsaResult::not_authorized);
  EXPECT_EQ(check("zero.example"), CsaResult::not_authorized);
  EXPECT_EQ(check("unchecked.example"), CsaResult::unknown);
  EXPECT_EQ(check("version.example"), CsaResult::unknown);
  EXPECT_EQ(check("nobody.example"), CsaResult::unknown);
}

TEST_F(CsaTest, AParentMaySayThatAllSayThemselves) {
  add("strict.example", 1, 2, 1);
  add("lax.example", 1, 2, 0);
  EXPECT_EQ(check("a.b.strict.example"), CsaResult::not_listed);
  EXPECT_EQ(check("a.lax.example"), CsaResult::unknown);
  EXPECT_EQ(check("a.b.c.d.deep.strict.example", {.search_limit = 0}), CsaResult::not_listed);
}

TEST_F(CsaTest, WhatTheDnsCannotTell) {
  resolver_.fail("_client._smtp.away.example", dns::Type::srv);
  resolver_.fail("_client._smtp.parent.example", dns::Type::srv);
  resolver_.fail("mail.away.example", dns::Type::a);
  add("target.example", 1, 2, 0, "mail.away.example");
  EXPECT_EQ(check("away.example"), CsaResult::deferred_record);
  EXPECT_EQ(check("a.parent.example"), CsaResult::deferred_record);
  EXPECT_EQ(check("target.example"), CsaResult::deferred_target);
  EXPECT_FALSE(is_refused(CsaResult::deferred_target));
}

TEST_F(CsaTest, AddressesAreLookedUpInTheReverseDns) {
  resolver_.add_address("mail.example.org", "192.0.2.7");
  add("7.2.0.192.in-addr.arpa", 1, 2, 0);
  EXPECT_EQ(check("192.0.2.7"), CsaResult::ok);
  EXPECT_EQ(check("[192.0.2.7]"), CsaResult::ok);
  EXPECT_EQ(check("[192.0.2.7]", {.use_reverse = false}), CsaResult::unknown);
}

TEST(Csa, Words) {
  EXPECT_EQ(status_of(CsaResult::not_listed), "fail");
  EXPECT_EQ(reason_of(CsaResult::not_listed), "failed (explicit authorization required)");
  EXPECT_EQ(reason_of(CsaResult::other_address), "failed (client address mismatch)");
  EXPECT_EQ(status_of(CsaResult::deferred_target), "defer");
  EXPECT_TRUE(is_refused(CsaResult::not_listed) && is_refused(CsaResult::other_address));
}

}  // namespace
}  // namespace postern::acl
