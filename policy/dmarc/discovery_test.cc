#include "policy/dmarc/discovery.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dmarc {
namespace {

using State = Discovered::State;
using Asked = std::vector<std::pair<std::string, dns::Type>>;

class DiscoveryTest : public ::testing::Test {
 protected:
  Discovery discover_for(std::vector<std::string> domains, Wait wait = {}, std::int64_t ms = 0) {
    std::string error;
    auto suffixes = psl::PublicSuffixList::read("com\n", error);
    return postern::testing::run_task(scheduler_,
                                      discover({.domains = std::move(domains), .problem = {}}, suffixes, resolver_, wait), ms);
  }
  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
};

TEST_F(DiscoveryTest, OneQuestionWhereTheDomainHasARecord) {
  resolver_.add_text("_dmarc.example.com", "v=DMARC1; p=reject; np=none");
  const Discovery discovery = discover_for({"example.com"});
  EXPECT_EQ(discovery.domains.at(0).state, State::record);
  EXPECT_EQ(resolver_.asked, (Asked{{"_dmarc.example.com", dns::Type::txt}}));
}

TEST_F(DiscoveryTest, ThenTheOrganisationalDomainsAndOnlyForNpWhetherItExists) {
  resolver_.add_text("_dmarc.example.com", "v=DMARC1; p=reject");
  EXPECT_EQ(discover_for({"a.b.example.com"}).domains.at(0).used, "example.com");
  EXPECT_EQ(resolver_.asked, (Asked{{"_dmarc.a.b.example.com", dns::Type::txt}, {"_dmarc.example.com", dns::Type::txt}}));
  resolver_.asked.clear();
  resolver_.add_text("_dmarc.other.com", "v=DMARC1; p=reject; np=none");
  EXPECT_EQ(discover_for({"a.other.com"}).domains.at(0).existence, Existence::absent);
  EXPECT_EQ(resolver_.asked.back(), (std::pair<std::string, dns::Type>("a.other.com", dns::Type::a)));
}

TEST_F(DiscoveryTest, ANameBelowItSaysThatItExists) {
  resolver_.add_text("_dmarc.example.com", "v=DMARC1; p=reject; np=none");
  resolver_.add_text("_dmarc.a.example.com", "something else");
  EXPECT_EQ(discover_for({"a.example.com"}).domains.at(0).existence, Existence::exists);
  EXPECT_EQ(resolver_.asked.size(), 2U);
}

TEST_F(DiscoveryTest, WhatIsKnownNeedsNoQuestion) {
  resolver_.add_text("_dmarc.example.com", "v=DMARC1; p=reject");
  resolver_.know_at_once(true);
  EXPECT_EQ(discover_for({"a.example.com"}).domains.at(0).state, State::record);
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(DiscoveryTest, SeveralDomainsAreAskedTogether) {
  for (const char* domain : {"one.com", "two.com", "three.com"}) {
    resolver_.add_text(std::string("_dmarc.") + domain, "v=DMARC1; p=reject");
    resolver_.delay(std::string("_dmarc.") + domain, dns::Type::txt, 50);
  }
  const Discovery discovery = discover_for({"one.com", "two.com", "three.com"}, {}, 60);
  for (const Discovered& found : discovery.domains) EXPECT_EQ(found.state, State::record) << found.author;
}

TEST_F(DiscoveryTest, ADeadlineIsATemporaryFailure) {
  resolver_.add_text("_dmarc.example.com", "v=DMARC1; p=reject");
  resolver_.delay("_dmarc.example.com", dns::Type::txt, 10'000);
  const Discovery discovery =
      discover_for({"example.com"}, {.deadline = scheduler_.now().plus_ms(1000), .stop = nullptr}, 1000);
  EXPECT_EQ(discovery.domains.at(0).state, State::temporary_failure);
  EXPECT_EQ(discovery.domains.at(0).why, "no answer in time");
}

TEST_F(DiscoveryTest, ARecordInSeveralStringsIsOne) {
  resolver_.add("_dmarc.example.com", dns::Type::txt, dns::Text{{PeerText("v=DMA"), PeerText("RC1; p=re"), PeerText("ject")}});
  EXPECT_EQ(discover_for({"example.com"}).domains.at(0).record.value().policy, Policy::reject);
}

TEST_F(DiscoveryTest, WithoutADomainNothingIsAsked) {
  EXPECT_TRUE(discover_for({}).domains.empty());
  EXPECT_TRUE(resolver_.asked.empty());
}

}  // namespace
}  // namespace postern::dmarc
