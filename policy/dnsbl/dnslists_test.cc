#include "policy/dnsbl/dnslists.h"

#include <gtest/gtest.h>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::dnsbl {
namespace {

using Result = DnslistOutcome::Result;

class DnslistsTest : public testing::Test {
 protected:
  void list(const std::string& name, std::initializer_list<const char*> addresses) {
    for (const char* address : addresses) resolver_.add_address(name, address);
  }
  // The client is 192.0.2.1.
  DnslistOutcome ask(std::string_view text, std::int64_t ms = 0) {
    DnslistsError error;
    const std::optional<Dnslists> lists = read_dnslists(text, error);
    EXPECT_TRUE(lists) << error.message;
    if (!lists) return {};
    Gate gate;
    outcome_ = {};
    gate.start(run(*this, *lists));
    scheduler_.advance_ms(ms);
    EXPECT_EQ(gate.inside(), 0U);
    return outcome_;
  }
  Result result(std::string_view text) { return ask(text).result; }
  static Task<void> run(DnslistsTest& test, Dnslists lists) {
    test.outcome_ = co_await check(test.resolver_, test.zones_, std::move(lists), IpAddress::v4(0xc0000201), {});
  }
  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
  ZoneTable zones_;
  DnslistOutcome outcome_;
};

TEST_F(DnslistsTest, TheFirstZoneInOrderThatListsDecides) {
  list("1.2.0.192.b.example", {"127.0.0.2", "127.0.0.4"});
  list("1.2.0.192.c.example", {"127.0.0.3"});
  resolver_.add_text("1.2.0.192.b.example", "see http://b.example");
  resolver_.delay("1.2.0.192.b.example", dns::Type::a, 50);
  const DnslistOutcome outcome = ask("a.example : b.example : c.example", 100);
  EXPECT_EQ(outcome.result, Result::listed);
  EXPECT_EQ(outcome.domain.view(), "b.example");
  EXPECT_EQ(outcome.matched.view(), "192.0.2.1");
  EXPECT_EQ(outcome.value.view(), "127.0.0.2, 127.0.0.4");
  EXPECT_EQ(outcome.text.view(), "see http://b.example");
  EXPECT_EQ(result("a.example"), Result::not_listed);
}

TEST_F(DnslistsTest, ZonesAreAskedTogether) {
  for (const char* zone : {"a", "b", "c"}) resolver_.delay(std::string("1.2.0.192.") + zone, dns::Type::a, 100);
  EXPECT_EQ(ask("a : b : c", 110).result, Result::not_listed);
}

TEST_F(DnslistsTest, AddressesToCompareWith) {
  list("1.2.0.192.z", {"127.0.0.1", "127.0.0.2"});
  EXPECT_EQ(result("z=127.0.0.2"), Result::listed);
  EXPECT_EQ(result("z=127.0.0.9,127.0.0.1"), Result::listed);
  EXPECT_EQ(result("z=127.0.0.9"), Result::not_listed);
  EXPECT_EQ(result("z==127.0.0.2"), Result::not_listed);
  EXPECT_EQ(result("z==127.0.0.1,127.0.0.2"), Result::listed);
  EXPECT_EQ(result("z!=127.0.0.2"), Result::not_listed);
  EXPECT_EQ(result("z!=127.0.0.9"), Result::listed);
  EXPECT_EQ(result("z!==127.0.0.2"), Result::listed);
  EXPECT_EQ(result("z!==127.0.0.1,127.0.0.2"), Result::not_listed);
  EXPECT_EQ(result("z&0.0.0.2"), Result::listed);
  EXPECT_EQ(result("z&0.0.0.3"), Result::not_listed);
  EXPECT_EQ(result("z&0.0.0.3,0.0.0.1"), Result::listed);
  EXPECT_EQ(result("z=&0.0.0.2"), Result::not_listed);
  EXPECT_EQ(result("z=&0.0.0.1,0.0.0.2"), Result::listed);
  EXPECT_EQ(result("z!&0.0.0.2"), Result::not_listed);
  EXPECT_EQ(result("z!=&0.0.0.1"), Result::listed);
  EXPECT_EQ(result("nothing!=127.0.0.2"), Result::not_listed) << "what has no address is not listed, negated or not";
}

TEST_F(DnslistsTest, KeysInPlaceOfTheClient) {
  list("bad.example.rhsbl", {"127.0.0.2"});
  list("4.3.2.1.ipbl", {"127.0.0.2"});
  EXPECT_EQ(ask("rhsbl/good.example::bad.example").matched.view(), "bad.example");
  EXPECT_EQ(ask("rhsbl=127.0.0.2/<;good.example;bad.example").matched.view(), "bad.example");
  EXPECT_EQ(ask("ipbl/1.2.3.4").result, Result::listed);
  EXPECT_EQ(result("rhsbl/good.example"), Result::not_listed);
  EXPECT_EQ(result("rhsbl/"), Result::not_listed);
  EXPECT_EQ(result("<| rhsbl/x.example | rhsbl/bad.example"), Result::listed);
}

TEST_F(DnslistsTest, TextFromAnotherZone) {
  list("1.2.0.192.all", {"127.0.0.2"});
  EXPECT_EQ(result("one,all=127.0.0.2"), Result::not_listed) << "the other zone must list it too";
  list("1.2.0.192.one", {"127.0.0.7"});
  resolver_.add_text("1.2.0.192.one", "of one");
  const DnslistOutcome outcome = ask("one,all=127.0.0.2");
  EXPECT_EQ(outcome.domain.view(), "one");
  EXPECT_EQ(outcome.value.view(), "127.0.0.7");
  EXPECT_EQ(outcome.text.view(), "of one");
  EXPECT_EQ(result("one,all=127.0.0.3"), Result::not_listed);
}

TEST_F(DnslistsTest, WhatAFailureMeansIsForTheListToSay) {
  resolver_.fail("1.2.0.192.down", dns::Type::a);
  list("1.2.0.192.up", {"127.0.0.2"});
  EXPECT_EQ(result("down"), Result::not_listed);
  EXPECT_EQ(outcome_.defer_lines,
            std::vector<std::string>{"DNS list lookup defer (probably timeout) for 1.2.0.192.down: assumed not in list"});
  EXPECT_EQ(ask("+include_unknown : down").domain.view(), "down");
  EXPECT_EQ(outcome_.result, Result::listed);
  EXPECT_EQ(result("+defer_unknown : down : up"), Result::deferred);
  EXPECT_EQ(result("up : +defer_unknown : down"), Result::listed);
  EXPECT_EQ(result("+defer_unknown : +exclude_unknown : down : up"), Result::listed);
}

TEST_F(DnslistsTest, ErrorCodesAndForeignAddressesAreNoListings) {
  list("1.2.0.192.blocked", {"127.255.255.254"});
  list("1.2.0.192.parked", {"203.0.113.5"});
  list("1.2.0.192.mixed", {"203.0.113.5", "127.0.0.2"});
  EXPECT_EQ(result("blocked : parked"), Result::not_listed);
  EXPECT_EQ(result("blocked=127.255.255.254"), Result::not_listed);
  EXPECT_EQ(result("+include_unknown : blocked"), Result::not_listed);
  EXPECT_EQ(result("+defer_unknown : blocked"), Result::deferred);
  EXPECT_EQ(ask("mixed").value.view(), "127.0.0.2");
  EXPECT_EQ(zones_.of("blocked")->state, ZoneHealth::State::refusing);
  EXPECT_EQ(zones_.of("mixed")->state, ZoneHealth::State::answering);
}

TEST_F(DnslistsTest, AZoneThatChangesIsSaidOnce) {
  list("1.2.0.192.blocked", {"127.255.255.254"});
  ASSERT_EQ(ask("blocked").log_lines.size(), 1U);
  EXPECT_EQ(outcome_.log_lines[0], "dnslists: blocked returned 127.255.255.254, which is no listing, and is passed over");
  EXPECT_TRUE(ask("blocked").log_lines.empty());
  list("1.2.0.192.blocked", {"127.0.0.2"});
  ASSERT_EQ(ask("blocked").log_lines.size(), 1U);
  EXPECT_EQ(outcome_.log_lines[0], "dnslists: blocked answers again");
  EXPECT_EQ(zones_.of("blocked")->errors, 2U);
}

TEST_F(DnslistsTest, WhatCannotBeReadIsSaid) {
  const auto message = [](std::string_view text) {
    DnslistsError error;
    return read_dnslists(text, error) ? std::string() : std::to_string(error.offset) + " " + error.message;
  };
  EXPECT_EQ(message("a : +include_unknwon : b"),
            "4 dnslists: unknown word \"+include_unknwon\": there are +include_unknown, +exclude_unknown and +defer_unknown");
  EXPECT_EQ(message("a=127.0.0"),
            "0 dnslists: \"127.0.0\" is no IPv4 address to compare with; keys to look up stand behind a slash");
  EXPECT_EQ(message("=127.0.0.1"), "0 dnslists: an item names no zone");
  EXPECT_EQ(message("a..b"), "0 dnslists: \"a..b\" cannot be a domain");
  EXPECT_EQ(message(""), "");
}

TEST_F(DnslistsTest, EveryPrefixIsReadOrRefused) {
  const std::string text = "<; one,all!=&127.0.0.2,127.0.0.3/<|a.example|1.2.3.4 ; +defer_unknown ; b.example";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    DnslistsError error;
    const bool read = read_dnslists(text.substr(0, length), error).has_value();
    EXPECT_EQ(read, error.message.empty()) << length;
  }
}

TEST_F(DnslistsTest, WhatIsNotAskedIsSaid) {
  std::string lists;
  for (std::size_t i = 0; i <= kQuestionsMax / kKeysMax; ++i) {
    lists += "z" + std::to_string(i) + ".example/<;";
    for (std::size_t key = 0; key < kKeysMax; ++key) lists += "k" + std::to_string(key) + (key + 1 < kKeysMax ? ";" : " : ");
  }
  EXPECT_EQ(ask(lists).log_lines,
            std::vector<std::string>{"dnslists: 64 questions beyond the first 256 of one condition were not asked"});
}

TEST_F(DnslistsTest, CapsHold) {
  std::string zones;
  for (std::size_t i = 0; i <= kItemsMax; ++i) zones += "z" + std::to_string(i) + ":";
  DnslistsError error;
  EXPECT_FALSE(read_dnslists(zones, error));
  EXPECT_EQ(error.message, "dnslists: more than 64 zones");
}

}  // namespace
}  // namespace postern::dnsbl
