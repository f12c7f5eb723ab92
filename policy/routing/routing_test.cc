#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/routing/host_items.h"
#include "policy/routing/route.h"
#include "policy/routing/route_list.h"

namespace postern::routing {
namespace {

using expand::ConfigTextForTest;

class DomainContext final : public expand::EvalContext {
 public:
  explicit DomainContext(std::string_view domain) : domain_(domain) {}
  std::string_view variable(expand::VariableId id, std::string&) const override {
    return id == expand::VariableId::domain ? domain_ : std::string_view();
  }

 private:
  std::string_view domain_;
};

std::string complaints_of(const expand::Diagnostics& diagnostics) {
  std::string all;
  for (const auto& d : diagnostics.all()) all += std::to_string(d.column) + ": " + d.message + "\n";
  return all;
}

TEST(Hosts, AreReadWithTheirPorts) {
  const struct {
    std::string_view item;
    std::string_view address;
    std::uint16_t port;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1", 0},       {"192.0.2.1:26", "192.0.2.1", 26},
      {"[192.0.2.1]:26", "192.0.2.1", 26}, {"::1", "::1", 0},
      {"[::1]:10025", "::1", 10025},       {"2001:db8::1", "2001:db8::1", 0},
      {"localhost", "127.0.0.1", 0},       {"LocalHost:submission", "127.0.0.1", 587},
  };
  for (const auto& c : cases) {
    std::string why;
    const auto host = read_host(c.item, why);
    ASSERT_TRUE(host) << c.item << why;
    EXPECT_EQ(host->address.to_string(), c.address);
    EXPECT_EQ(host->port, c.port);
  }
}

TEST(Hosts, AreRefusedWithTheReason) {
  const struct {
    std::string_view item;
    std::string_view why;
  } cases[] = {
      {"mail.example", "a host name needs DNS, which is not built yet: write an IP address"},
      {"mail.example/mx", "a host name needs DNS, which is not built yet: write an IP address"},
      {"mail.example:25", "a host name needs DNS, which is not built yet: write an IP address"},
      {"192.0.2.1:0", "a port is a number from 1 to 65535"},
      {"192.0.2.1:65536", "a port is a number from 1 to 65535"},
      {"192.0.2.1:", "a port is a number from 1 to 65535"},
      {"192.0.2.1:x", "a port is a number from 1 to 65535"},
      {"192.0.2.1:25 ", "a port is a number from 1 to 65535"},
      {"[192.0.2.1]", "an address in brackets is followed by : and a port"},
      {"[192.0.2.1", "] is missing"},
      {"192.0.2.1:25:26", "it is not an IP address; in a list separated by colons those of an IPv6 address are doubled"},
  };
  for (const auto& c : cases) {
    std::string why;
    EXPECT_FALSE(read_host(c.item, why)) << c.item;
    EXPECT_EQ(why, c.why) << c.item;
  }
}

std::string hosts_of(const std::vector<Host>& hosts) {
  std::string all;
  for (const Host& host : hosts) all += SocketAddress{host.address, host.port}.to_string() + " ";
  return all;
}

TEST(Hosts, ComeInListsAndGroups) {
  expand::Diagnostics diagnostics;
  const auto hosts =
      read_hosts(ConfigTextForTest::line("192.0.2.1::26 : [192.0.2.2]::27:+ : ::::1"), "route_list", diagnostics);
  EXPECT_EQ(complaints_of(diagnostics), "");
  EXPECT_EQ(hosts_of(hosts), "[192.0.2.1]:26 [192.0.2.2]:27 [::1]:0 ");
  EXPECT_EQ(hosts[1].group, 0);
  EXPECT_EQ(hosts[2].group, 1);
  EXPECT_EQ(hosts_of(read_hosts(ConfigTextForTest::line("<; ::1;[::2]:26"), "hosts", diagnostics)), "[::1]:0 [::2]:26 ");
  EXPECT_EQ(hosts_of(read_hosts(ConfigTextForTest::line("192.0.2.1 : x : : 192.0.2.2"), "hosts", diagnostics)),
            "[192.0.2.1]:0 [192.0.2.2]:0 ");
  EXPECT_EQ(complaints_of(diagnostics),
            "13: hosts: the host \"x\" cannot be used: a host name needs DNS, which is not built yet: write an IP address\n"
            "17: hosts: the host \"\" cannot be used: it is empty\n");
}

class Routing : public ::testing::Test {
 protected:
  Routing() : lists_({.primary_hostname = "mx.example.org", .local_addresses = {}, .values = values_}, diagnostics_) {
    local_.add(*IpAddress::parse("127.0.0.1"));
    local_.add(*IpAddress::parse("192.0.2.99"));
    local_.seal();
  }

  Router& add(std::string_view name, std::string_view rules = {}) {
    Router& router = routers_.emplace_back();
    router.name = name;
    router.transport = "remote";
    if (rules.empty()) return router;
    router.driver = RouterDriver::manualroute;
    router.rules = RouteListReader{values_, lists_, transports_, diagnostics_}.read(ConfigTextForTest::line(rules));
    return router;
  }
  lists::DomainList domains(std::string_view text) { return lists_.domains(ConfigTextForTest::line(text), "domains"); }

  RouteOutcome routed(std::string_view address, std::string_view sender = "s@x") {
    const std::size_t at = address.find('@');
    context_.emplace(address.substr(at + 1));
    return route(routers_, {address.substr(0, at), address.substr(at + 1), sender, *context_}, {local_, &random_});
  }
  // "kind router transport hosts".
  std::string shown(std::string_view address, std::string_view sender = "s@x") {
    static constexpr std::string_view kKinds[] = {"deliver", "unrouteable", "fail", "defer", "freeze"};
    const RouteOutcome outcome = routed(address, sender);
    std::string text(kKinds[static_cast<std::size_t>(outcome.kind)]);
    text.append(" ").append(outcome.router).append(" ").append(outcome.transport).append(" ");
    return text + (outcome.kind == RouteKind::deliver ? hosts_of(outcome.hosts) : std::string(outcome.message));
  }

  expand::LoadTimeValues values_;
  expand::Diagnostics diagnostics_;
  lists::ListCompiler lists_;
  std::vector<std::string> transports_ = {"remote", "local"};
  std::vector<Router> routers_;
  lists::IpSet local_;
  std::optional<DomainContext> context_;
  SeededRandom random_{1};
};

TEST_F(Routing, AsksRoutersInOrder) {
  add("first").domains = domains("a.ex");
  add("second").local_parts = lists_.local_parts(ConfigTextForTest::line("root"), "local_parts");
  add("third").senders = lists_.addresses(ConfigTextForTest::line(":"), "senders");
  add("never").domains = domains("");
  EXPECT_EQ(shown("u@a.ex"), "deliver first remote ");
  EXPECT_EQ(shown("root@b.ex"), "deliver second remote ");
  EXPECT_EQ(shown("u@b.ex", ""), "deliver third remote ");
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   Unrouteable address");
}

TEST_F(Routing, FollowsTheRules) {
  add("smart",
      "b.ex 192.0.2.1; *.ex \"192.0.2.2 : [192.0.2.3]::26\" local no_randomize byname ; a.ex 192.0.2.4; !x.net 192.0.2.5; "
      ";x.net")
      .transport = "remote";
  EXPECT_EQ(complaints_of(diagnostics_), "");
  EXPECT_EQ(shown("u@b.ex"), "deliver smart remote [192.0.2.1]:0 ");
  EXPECT_EQ(shown("u@a.ex"), "deliver smart local [192.0.2.2]:0 [192.0.2.3]:26 ");
  EXPECT_EQ(shown("u@other"), "deliver smart remote [192.0.2.5]:0 ");
  EXPECT_EQ(shown("u@x.net"), "deliver smart remote ");
}

TEST_F(Routing, DeclinesOrEnds) {
  add("partial", "a.ex 192.0.2.1").more = false;
  add("rest");
  EXPECT_EQ(shown("u@a.ex"), "deliver partial remote [192.0.2.1]:0 ");
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   Unrouteable address");
  routers_[0].more = true;
  EXPECT_EQ(shown("u@b.ex"), "deliver rest remote ");
  routers_[0].more = false;
  routers_[0].domains = domains("a.ex");  // a router that is skipped has no say
  EXPECT_EQ(shown("u@b.ex"), "deliver rest remote ");
}

TEST_F(Routing, MeetsItself) {
  Router& self = add("self", "* 127.0.0.1::10025");
  self.more = false;
  add("next");
  const auto with = [&](SelfAction action) {
    routers_[0].self = action;
    return shown("u@a.ex");
  };
  EXPECT_EQ(with(SelfAction::freeze), "freeze self remote remote host address is the local host");
  EXPECT_EQ(with(SelfAction::defer), "defer self remote remote host address is the local host");
  EXPECT_EQ(with(SelfAction::fail), "fail self remote remote host address is the local host");
  EXPECT_EQ(with(SelfAction::pass), "deliver next remote ");  // in spite of no_more
  EXPECT_EQ(with(SelfAction::send), "deliver self remote [127.0.0.1]:10025 ");
}

TEST_F(Routing, EndsAListAtItself) {
  add("smart", "* 192.0.2.1:192.0.2.99:192.0.2.2").self = SelfAction::send;
  EXPECT_EQ(shown("u@a.ex"), "deliver smart remote [192.0.2.1]:0 ");
}

TEST_F(Routing, ShufflesWithinGroups) {
  add("smart", "* 192.0.2.1:192.0.2.2:192.0.2.3:+:192.0.2.4:192.0.2.5").hosts_randomize = true;
  std::set<std::string> seen;
  for (int i = 0; i < 400; ++i) {
    const std::vector<Host> hosts = routed("u@a.ex").hosts;
    ASSERT_EQ(hosts.size(), 5u);
    EXPECT_TRUE(std::ranges::is_sorted(hosts, {}, &Host::group));
    seen.insert(hosts_of(hosts));
  }
  EXPECT_EQ(seen.size(), 12u);  // 3! * 2!
  routers_[0].rules[0].randomize = false;
  EXPECT_EQ(shown("u@a.ex"), "deliver smart remote [192.0.2.1]:0 [192.0.2.2]:0 [192.0.2.3]:0 [192.0.2.4]:0 [192.0.2.5]:0 ");
}

TEST_F(Routing, SendsErrorsElsewhere) {
  const auto compiled = [&](std::string_view text) { return expand::compile(ConfigTextForTest::line(text), diagnostics_); };
  add("r").errors_to = compiled("bounces@$domain");
  EXPECT_EQ(routed("u@a.ex").errors_to, "bounces@a.ex");
  routers_[0].errors_to = compiled("");
  EXPECT_EQ(routed("u@a.ex").errors_to, "");
  routers_[0].errors_to = compiled("${if eq{a}{b}{x}fail}");
  EXPECT_EQ(routed("u@a.ex").errors_to, std::nullopt);
  routers_[0].errors_to = compiled("${if = {a}{1}}");
  EXPECT_EQ(shown("u@a.ex"), "defer r remote failed to expand errors_to");
}

TEST_F(Routing, ReportsBadRules) {
  add("r", "* mail.ex; /file 192.0.2.1 ; * 192.0.2.1 remot ; lsearch;;/x 192.0.2.1; * $domain ; * \"192.0.2.1 ; ^(x 192.0.2.1");
  EXPECT_EQ(
      complaints_of(diagnostics_),
      "3: route_list: the host \"mail.ex\" cannot be used: a host name needs DNS, which is not built yet: write an IP address\n"
      "12: the pattern of a rule cannot be a file name: use the router's option \"domains\"\n"
      "42: unknown routing option or transport \"remot\": did you mean \"remote\"?\n"
      "50: doubled separators in route_list belong to lookups, which are not built yet\n"
      "75: the list of hosts uses $domain, which is known only when mail arrives: this is not built yet here\n"
      "87: a double quote is not closed\n"
      "100: regular expression error in \"^(x\": missing closing parenthesis at offset 3\n");
}

}  // namespace
}  // namespace postern::routing
