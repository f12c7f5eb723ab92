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
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

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
    const auto host = read_host(c.item, HostNames::refused, why);
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
      {"mail.example", "names of hosts are not looked up here: write an IP address, or name the host in a router"},
      {"mail.example/mx", "names of hosts are not looked up here: write an IP address, or name the host in a router"},
      {"mail.example:25", "names of hosts are not looked up here: write an IP address, or name the host in a router"},
      {"mail.example/a", "behind the name of a host stands nothing but /MX"},
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
    EXPECT_FALSE(read_host(c.item, HostNames::refused, why)) << c.item;
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
  const auto hosts = read_hosts(ConfigTextForTest::line("192.0.2.1::26 : [192.0.2.2]::27:+ : ::::1"), HostNames::refused,
                                "route_list", diagnostics);
  EXPECT_EQ(complaints_of(diagnostics), "");
  EXPECT_EQ(hosts_of(hosts), "[192.0.2.1]:26 [192.0.2.2]:27 [::1]:0 ");
  EXPECT_EQ(hosts[1].group, 0);
  EXPECT_EQ(hosts[2].group, 1);
  EXPECT_EQ(hosts_of(read_hosts(ConfigTextForTest::line("<; ::1;[::2]:26"), HostNames::refused, "hosts", diagnostics)),
            "[::1]:0 [::2]:26 ");
  EXPECT_EQ(
      hosts_of(read_hosts(ConfigTextForTest::line("192.0.2.1 : x : : 192.0.2.2"), HostNames::refused, "hosts", diagnostics)),
      "[192.0.2.1]:0 [192.0.2.2]:0 ");
  EXPECT_EQ(complaints_of(diagnostics),
            "13: hosts: the host \"x\" cannot be used: names of hosts are not looked up here: write an IP address, or "
            "name the host in a router\n"
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
    router.rules = RouteListReader{values_, nullptr, lists_, transports_, diagnostics_}.read(ConfigTextForTest::line(rules));
    return router;
  }
  lists::DomainList domains(std::string_view text) { return lists_.domains(ConfigTextForTest::line(text), "domains"); }

  RouteOutcome routed(std::string_view address, std::string_view sender = "s@x") {
    const std::size_t at = address.find('@');
    context_.emplace(address.substr(at + 1));
    return testing::run_task(scheduler_, route(routers_,
                                               {.local_part = address.substr(0, at),
                                                .domain = address.substr(at + 1),
                                                .sender = sender,
                                                .variables = *context_,
                                                .purpose = purpose_,
                                                .qualify_recipient = "here.ex"},
                                               {.local_addresses = local_, .random = &random_, .resolver = &resolver_}));
  }
  // "kind router transport hosts".
  std::string shown(std::string_view address, std::string_view sender = "s@x") {
    static constexpr std::string_view kKinds[] = {"deliver", "redirect", "discard", "unrouteable", "fail", "defer", "freeze"};
    const RouteOutcome outcome = routed(address, sender);
    std::string text(kKinds[static_cast<std::size_t>(outcome.kind)]);
    text.append(" ").append(outcome.router).append(" ").append(outcome.transport).append(" ");
    for (const std::string& each : outcome.addresses) text.append(each).append(" ");
    return text + (outcome.kind == RouteKind::deliver ? hosts_of(outcome.hosts) : outcome.message);
  }

  expand::Program compiled(std::string_view text) { return *expand::compile(ConfigTextForTest::line(text), diagnostics_); }

  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
  RoutePurpose purpose_ = RoutePurpose::delivery;
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
  add("r").errors_to = compiled("bounces@$domain");
  EXPECT_EQ(routed("u@a.ex").errors_to, "bounces@a.ex");
  routers_[0].errors_to = compiled("");
  EXPECT_EQ(routed("u@a.ex").errors_to, "");
  routers_[0].errors_to = compiled("${if eq{a}{b}{x}fail}");
  EXPECT_EQ(routed("u@a.ex").errors_to, std::nullopt);
  routers_[0].errors_to = compiled("${if = {a}{1}}");
  EXPECT_EQ(shown("u@a.ex").substr(0, 59), "defer r remote r router failed to expand \"${if = {a}{1}}\": ");
}

TEST_F(Routing, ReportsBadRules) {
  add("r", "* mail_ex; /file 192.0.2.1 ; * 192.0.2.1 remot ; lsearch;;/x 192.0.2.1; * $domain ; * \"192.0.2.1 ; ^(x 192.0.2.1");
  EXPECT_EQ(complaints_of(diagnostics_),
            "3: route_list: the host \"mail_ex\" cannot be used: it is neither an IP address nor the name of a host\n"
            "12: the pattern of a rule cannot be a file name: use the router's option \"domains\"\n"
            "42: unknown routing option or transport \"remot\": did you mean \"remote\"?\n"
            "50: doubled separators in route_list belong to lookups: write them as named lists (+name)\n"
            "87: a double quote is not closed\n"
            "100: regular expression error in \"^(x\": missing closing parenthesis at offset 3\n");
}

// ---- preconditions, and what routers say beside where ----

TEST_F(Routing, HasRoutersForVerificationAlone) {
  add("only").verify_only = true;
  Router& senders = add("senders");
  senders.verify_recipient = false;
  add("all").fail_verify_recipient = true;
  EXPECT_EQ(shown("u@a.ex"), "deliver senders remote ");
  purpose_ = RoutePurpose::verify_sender;
  EXPECT_EQ(shown("u@a.ex"), "deliver only remote ");
  routers_[0].verify_sender = false;
  EXPECT_EQ(shown("u@a.ex"), "deliver senders remote ");
  purpose_ = RoutePurpose::verify_recipient;
  routers_[0].verify_recipient = false;
  EXPECT_EQ(shown("u@a.ex"), "fail all remote all router forced verify failure");
}

TEST_F(Routing, FailsWhatARouterForFailuresPassesOn) {
  Router& router = add("r", "* 127.0.0.1");
  router.self = SelfAction::pass;
  router.fail_verify_recipient = true;
  add("next");
  EXPECT_EQ(shown("u@a.ex"), "deliver next remote ");
  purpose_ = RoutePurpose::verify_sender;
  EXPECT_EQ(shown("u@a.ex"), "deliver next remote ");
  purpose_ = RoutePurpose::verify_recipient;
  EXPECT_EQ(shown("u@a.ex"), "fail r remote r router forced verify failure");
}

TEST_F(Routing, TestsConditions) {
  Router& router = add("r");
  const auto with = [&](std::string_view text) {
    router.condition = compiled(text);
    return shown("u@a.ex");
  };
  EXPECT_EQ(with("yes"), "deliver r remote ");
  EXPECT_EQ(with("anything"), "deliver r remote ");
  for (const char* no : {"", "0", "no", "FALSE", "${if eq{a}{b}{x}fail}"})
    EXPECT_EQ(with(no), "unrouteable   Unrouteable address") << no;
  EXPECT_EQ(with("${if = {a}{1}}").substr(0, 46), "defer r remote failed to expand condition: int");
}

TEST_F(Routing, KeepsAddressDataForThoseBehind) {
  Router& first = add("first");
  first.address_data = compiled("data of $local_part in $router_name");
  first.condition = compiled("yes");
  first.driver = RouterDriver::redirect;
  first.data = compiled("");
  add("second").condition = compiled("${if eq{$address_data}{data of u in first}}");
  const RouteOutcome outcome = routed("U@a.ex");
  EXPECT_EQ(outcome.router, "second");
  EXPECT_EQ(outcome.address_data.text, "data of u in first");
  EXPECT_EQ(outcome.address_data.bytes, expand::Bytes::peers);
  routers_[0].address_data = compiled("${if eq{a}{b}{x}fail}");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   Unrouteable address");
}

TEST_F(Routing, PassesOver) {
  add("self", "* 127.0.0.1").self = SelfAction::pass;
  routers_[0].pass_to = 2;
  routers_[0].more = false;
  add("between");
  add("behind");
  EXPECT_EQ(shown("u@a.ex"), "deliver behind remote ");
}

TEST_F(Routing, SaysWhyNobodyTakesIt) {
  Router& last = add("last", "a.ex 192.0.2.1");
  last.cannot_route_message = compiled("no way for $local_part");
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   no way for u");
  last.cannot_route_message = compiled("${if eq{a}{b}{x}fail}");
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   Unrouteable address");
}

// One that is skipped is looked at, too.
TEST_F(Routing, TakesTheMessageOfTheLastRouterLookedAt) {
  add("asked", "a.ex 192.0.2.1").cannot_route_message = compiled("not this");
  Router& skipped = add("skipped");
  skipped.domains = domains("c.ex");
  skipped.cannot_route_message = compiled("<$router_name> has no $local_part");
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   <> has no u");
  skipped.verify_only = true;
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   <> has no u");
  skipped.cannot_route_message.reset();
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   Unrouteable address");
  routers_[0].more = false;
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   not this");
}

TEST_F(Routing, KnowsCases) {
  add("caseful").caseful_local_part = true;
  routers_[0].condition = compiled("${if eq{$local_part}{Up}}");
  add("other").condition = compiled("${if eq{$local_part}{up}}");
  EXPECT_EQ(shown("Up@a.ex"), "deliver caseful remote ");
  EXPECT_EQ(shown("uP@a.ex"), "deliver other remote ");
}

// ---- redirect ----

TEST_F(Routing, Redirects) {
  Router& router = add("r");
  router.driver = RouterDriver::redirect;
  router.allow_fail = router.allow_defer = true;
  const auto with = [&](std::string_view text) {
    router.data = compiled(text);
    return shown("u@a.ex");
  };
  EXPECT_EQ(with("x@b.ex, y"), "redirect r remote x@b.ex y@here.ex ");
  EXPECT_EQ(with(":blackhole:"), "discard r remote ");
  EXPECT_EQ(with(":fail: no such person"), "fail r remote no such person");
  EXPECT_EQ(with(":defer: not, now"), "defer r remote not, now");
  EXPECT_EQ(with("/file"), "redirect r remote ");
  EXPECT_EQ(with("bad@"), "defer r remote error in redirect data: domain missing or malformed in \"bad@\"");
  EXPECT_EQ(with(""), "unrouteable   Unrouteable address");
  EXPECT_EQ(with("${if eq{a}{b}{x}fail}"), "unrouteable   Unrouteable address");
  EXPECT_EQ(with("${if = {a}{1}}").substr(0, 40), "defer r remote failed to expand \"${if = ");
  router.forbid_smtp_code = true;
  EXPECT_EQ(with(":fail: 551 5.7.1 gone"), "fail r remote gone");
  EXPECT_EQ(with(":defer: 451"), "defer r remote 451");
  EXPECT_EQ(with("# Exim filter"), "defer r remote error in filter data: filtering not enabled");
  EXPECT_EQ(with(":include:/etc/x"), "defer r remote error in redirect data: files cannot be read here");
  router.skip_syntax_errors = true;
  EXPECT_EQ(with("a b, c d"), "unrouteable   syntax error in redirection data");
  router.qualify_domain = "q.ex";
  EXPECT_EQ(with("y"), "redirect r remote y@q.ex ");
  router.qualify_preserve_domain = true;
  EXPECT_EQ(with("y"), "redirect r remote y@a.ex ");
}

TEST_F(Routing, NamesNoFileByAPeersBytes) {
  Router& router = add("r");
  router.driver = RouterDriver::redirect;
  router.domains = domains("a.ex");
  router.file = compiled("/etc/aliases/$local_part");
  EXPECT_EQ(shown("u@a.ex"), "defer r remote Tainted name '/etc/aliases/u' for file read not permitted");
  router.file = compiled("/etc/aliases/$domain_data");  // what the list says is ours
  EXPECT_EQ(shown("u@a.ex"), "defer r remote files cannot be read here");
  router.file.reset();
  router.data = compiled("$local_part@b.ex, :include:/etc/x");
  EXPECT_EQ(shown("u@a.ex"), "defer r remote error in redirect data: Tainted name '/etc/x' for included file not permitted");
}

TEST_F(Routing, KnowsWhatItsListsSay) {
  Router& first = add("first");
  first.domains = domains("b.ex : *.ex");
  first.local_parts = lists_.local_parts(ConfigTextForTest::line("u"), "local_parts");
  first.condition = compiled("${if eq{$domain_data/$local_part_data}{*.ex/u}{no}{yes}}");
  add("second").condition = compiled("${if eq{$domain_data$local_part_data}{}}");
  EXPECT_EQ(shown("u@a.ex"), "deliver second remote ");
}

// ---- dnslookup ----

class DnsLookup : public Routing {
 protected:
  DnsLookup() { add("dns").driver = RouterDriver::dnslookup; }
  Router& router() { return routers_.front(); }
};

TEST_F(DnsLookup, OrdersExchangers) {
  resolver_.add_mx("a.ex", 20, "second.ex");
  resolver_.add_mx("a.ex", 10, "first.ex");
  resolver_.add_mx("a.ex", 30, "gone.ex");
  resolver_.add_address("first.ex", "192.0.2.1");
  resolver_.add_address("first.ex", "2001:db8::1");
  resolver_.add_address("second.ex", "192.0.2.2");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [2001:db8::1]:0 [192.0.2.1]:0 [192.0.2.2]:0 ");
  router().ipv4_prefer = compiled("yes");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 [2001:db8::1]:0 [192.0.2.2]:0 ");
  router().ipv4_only = compiled("${if eq{$domain}{a.ex}{yes}{no}}");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 [192.0.2.2]:0 ");
  router().ipv4_only = compiled("${if = {a}{1}}");
  EXPECT_EQ(shown("u@a.ex").substr(0, 43), "defer dns remote failed to expand \"${if = {");
}

TEST_F(DnsLookup, FallsBackToAddresses) {
  resolver_.add_address("a.ex", "192.0.2.1");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
  router().mx_domains = domains("*.ex");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   Unrouteable address");
}

TEST_F(DnsLookup, TellsAbsenceFromTrouble) {
  EXPECT_EQ(shown("u@none.ex"), "unrouteable   Unrouteable address");
  resolver_.fail("a.ex", dns::Type::mx);
  resolver_.add_address("a.ex", "192.0.2.1");
  EXPECT_EQ(shown("u@a.ex"), "defer dns remote host lookup did not complete");
  router().mx_fail_domains = domains("a.ex");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
  resolver_.add_mx("b.ex", 10, "lost.ex");
  resolver_.fail("lost.ex", dns::Type::a);
  EXPECT_EQ(shown("u@b.ex"), "defer dns remote host lookup did not complete");
  router().pass_on_timeout = true;
  EXPECT_EQ(shown("u@b.ex"), "unrouteable   Unrouteable address");
  // One host that is there will do.
  resolver_.add_mx("b.ex", 20, "there.ex");
  resolver_.add_address("there.ex", "192.0.2.3");
  EXPECT_EQ(shown("u@b.ex"), "deliver dns remote [192.0.2.3]:0 ");
}

TEST_F(DnsLookup, HonoursTheNullExchanger) {
  resolver_.add_mx("a.ex", 0, ".");
  resolver_.add_address("a.ex", "192.0.2.1");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   an MX or SRV record indicated no SMTP service");
  router().cannot_route_message = compiled("it says why itself");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   an MX or SRV record indicated no SMTP service");
  add("behind");
  EXPECT_EQ(shown("u@a.ex"), "deliver behind remote ");
}

TEST_F(DnsLookup, DeclinesWhereExchangersDoNotExist) {
  resolver_.add_mx("a.ex", 10, "gone.ex");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   all relevant MX records point to non-existent hosts");
  add("behind");
  EXPECT_EQ(shown("u@a.ex"), "deliver behind remote ");
}

TEST_F(DnsLookup, IgnoresTargets) {
  router().ignore_target_hosts = lists_.hosts(ConfigTextForTest::line("127.0.0.0/8"), "ignore_target_hosts");
  resolver_.add_mx("a.ex", 10, "bad.ex");
  resolver_.add_address("bad.ex", "127.0.0.1");
  EXPECT_EQ(shown("u@a.ex"), "unrouteable   all relevant MX records point to non-existent hosts");
  EXPECT_EQ(shown("u@bad.ex"), "unrouteable   Unrouteable address");
  resolver_.add_mx("a.ex", 20, "good.ex");
  resolver_.add_address("good.ex", "192.0.2.1");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
}

TEST_F(DnsLookup, EndsAtItself) {
  resolver_.add_mx("a.ex", 10, "first.ex");
  resolver_.add_mx("a.ex", 20, "here.ex");
  resolver_.add_mx("a.ex", 20, "beside.ex");
  resolver_.add_address("first.ex", "192.0.2.1");
  resolver_.add_address("here.ex", "192.0.2.99");
  resolver_.add_address("beside.ex", "192.0.2.2");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
  resolver_.add_mx("b.ex", 10, "beside.ex");
  resolver_.add_mx("b.ex", 10, "here.ex");
  EXPECT_EQ(shown("u@b.ex"), "freeze dns remote lowest numbered MX record points to local host");
  EXPECT_EQ(shown("u@here.ex"), "freeze dns remote remote host address is the local host");
  router().check_secondary_mx = true;
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
  resolver_.add_mx("c.ex", 10, "first.ex");
  EXPECT_EQ(shown("u@c.ex"), "unrouteable   Unrouteable address");
}

TEST_F(DnsLookup, WantsAuthenticatedAnswers) {
  resolver_.add_mx("a.ex", 10, "first.ex");
  resolver_.add_address("first.ex", "192.0.2.1");
  router().dnssec_require_domains = domains("a.ex");
  router().pass_on_timeout = true;  // which this is none of
  EXPECT_EQ(shown("u@a.ex"), "defer dns remote host lookup done insecurely");
  resolver_.authenticate("a.ex", dns::Type::mx);
  EXPECT_EQ(shown("u@a.ex"), "defer dns remote host lookup done insecurely");
  resolver_.authenticate("first.ex", dns::Type::a);
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:0 ");
}

TEST_F(DnsLookup, AsksForServices) {
  router().check_srv = compiled("smtp");
  resolver_.add("_smtp._tcp.a.ex", dns::Type::srv, dns::Service{20, 0, 27, PeerText("second.ex")});
  resolver_.add("_smtp._tcp.a.ex", dns::Type::srv, dns::Service{10, 0, 26, PeerText("first.ex")});
  resolver_.add_mx("a.ex", 10, "mx.ex");
  resolver_.add_address("first.ex", "192.0.2.1");
  resolver_.add_address("second.ex", "192.0.2.2");
  resolver_.add_address("mx.ex", "192.0.2.3");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.1]:26 [192.0.2.2]:27 ");
  resolver_.add_mx("b.ex", 10, "mx.ex");
  EXPECT_EQ(shown("u@b.ex"), "deliver dns remote [192.0.2.3]:0 ");
  resolver_.fail("_smtp._tcp.b.ex", dns::Type::srv);
  EXPECT_EQ(shown("u@b.ex"), "defer dns remote host lookup did not complete");
  router().srv_fail_domains = domains("b.ex");
  EXPECT_EQ(shown("u@b.ex"), "deliver dns remote [192.0.2.3]:0 ");
  resolver_.add("_smtp._tcp.c.ex", dns::Type::srv, dns::Service{0, 0, 0, PeerText(".")});
  resolver_.add_mx("c.ex", 10, "mx.ex");
  EXPECT_EQ(shown("u@c.ex"), "unrouteable   an MX or SRV record indicated no SMTP service");
  router().check_srv = compiled("${if eq{a}{b}{x}fail}");
  EXPECT_EQ(shown("u@a.ex"), "deliver dns remote [192.0.2.3]:0 ");
}

TEST_F(DnsLookup, DrawsServicesByTheirWeights) {
  router().check_srv = compiled("smtp");
  resolver_.add("_smtp._tcp.a.ex", dns::Type::srv, dns::Service{1, 90, 26, PeerText("often.ex")});
  resolver_.add("_smtp._tcp.a.ex", dns::Type::srv, dns::Service{1, 10, 26, PeerText("seldom.ex")});
  resolver_.add("_smtp._tcp.a.ex", dns::Type::srv, dns::Service{1, 0, 26, PeerText("last.ex")});
  resolver_.add_address("often.ex", "192.0.2.1");
  resolver_.add_address("seldom.ex", "192.0.2.2");
  resolver_.add_address("last.ex", "192.0.2.3");
  int often = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::vector<Host> hosts = routed("u@a.ex").hosts;
    ASSERT_EQ(hosts.size(), 3u);
    EXPECT_EQ(hosts[2].name, "last.ex");
    often += hosts[0].name == "often.ex" ? 1 : 0;
  }
  EXPECT_GT(often, 850);
  EXPECT_LT(often, 950);
}

TEST_F(DnsLookup, DefersWhereAnAbsenceIsDoubted) {
  router().fail_defer_domains = domains("a.ex : b.ex");
  resolver_.add_mx("b.ex", 10, "gone.ex");
  for (const char* address : {"u@a.ex", "u@b.ex"})
    EXPECT_EQ(shown(address), "defer dns remote missing MX, or all MXs point to missing A records, and defer requested");
  EXPECT_EQ(shown("u@c.ex"), "unrouteable   Unrouteable address");
}

TEST_F(DnsLookup, WidensDomains) {
  router().widen_domains = {"none.ex", "sub.ex", "other.ex"};
  resolver_.add_address("short.sub.ex", "192.0.2.1");
  resolver_.add_address("short.other.ex", "192.0.2.2");
  EXPECT_EQ(shown("u v@short"), "redirect dns remote \"u v\"@short.sub.ex ");
  EXPECT_TRUE(routed("u@short").is_widened);
  EXPECT_EQ(shown("u@long"), "unrouteable   Unrouteable address");
  resolver_.fail("short", dns::Type::mx);
  EXPECT_EQ(shown("u@short"), "defer dns remote host lookup did not complete");
}

TEST_F(DnsLookup, LeavesLiteralsAlone) { EXPECT_EQ(shown("u@[192.0.2.1]"), "unrouteable   Unrouteable address"); }

// ---- names in manualroute ----

TEST_F(Routing, LooksUpNames) {
  Router& router = add("smart", "a.ex mail.ex::26:192.0.2.9 ; b.ex dom.ex/MX ; c.ex gone.ex ; d.ex lost.ex ; e.ex $domain");
  EXPECT_EQ(complaints_of(diagnostics_), "");
  resolver_.add_address("mail.ex", "192.0.2.1");
  resolver_.add_address("mail.ex", "192.0.2.2");
  resolver_.add_mx("dom.ex", 10, "mail.ex");
  resolver_.fail("lost.ex", dns::Type::a);
  resolver_.add_address("e.ex", "192.0.2.5");
  EXPECT_EQ(shown("u@a.ex"), "deliver smart remote [192.0.2.1]:26 [192.0.2.2]:26 [192.0.2.9]:0 ");
  EXPECT_EQ(shown("u@b.ex"), "deliver smart remote [192.0.2.1]:0 [192.0.2.2]:0 ");
  EXPECT_EQ(shown("u@c.ex"), "freeze smart remote lookup of host \"gone.ex\" failed in smart router");
  EXPECT_EQ(shown("u@d.ex"),
            "defer smart remote lookup of host \"lost.ex\" failed in smart router: host lookup did not complete");
  EXPECT_EQ(shown("u@e.ex"), "deliver smart remote [192.0.2.5]:0 ");
  router.host_find_failed = FindFailed::decline;
  EXPECT_EQ(shown("u@c.ex"), "unrouteable   Unrouteable address");
  router.host_find_failed = FindFailed::ignore;
  EXPECT_EQ(shown("u@c.ex"),
            "defer smart remote lookup failed for all hosts in smart router: host_find_failed=ignore host_all_ignored=defer");
}

TEST_F(Routing, DoesAsToldWithoutAHost) {
  Router& router = add("smart", "* gone.ex");
  router.more = false;
  add("next");
  const struct {
    FindFailed action;
    std::string_view found;  // with host_find_failed
    std::string_view left;   // with host_all_ignored
  } cases[] = {
      {FindFailed::freeze, "freeze smart", "freeze smart"}, {FindFailed::defer, "defer smart", "defer smart"},
      {FindFailed::fail, "fail smart", "fail smart"},       {FindFailed::decline, "unrouteable ", "unrouteable "},
      {FindFailed::pass, "deliver next", "deliver next"},
  };
  for (const auto& c : cases) {
    routers_[0].host_find_failed = c.action;
    EXPECT_TRUE(shown("u@a.ex").starts_with(c.found)) << shown("u@a.ex");
    routers_[0].host_find_failed = FindFailed::ignore;
    routers_[0].host_all_ignored = c.action;
    EXPECT_TRUE(shown("u@a.ex").starts_with(c.left)) << shown("u@a.ex");
  }
}

TEST_F(Routing, SaysHowItFoundItself) {
  add("smart", "a.ex dom.ex/MX ; b.ex here.ex").self = SelfAction::fail;
  resolver_.add_mx("dom.ex", 10, "here.ex");
  resolver_.add_address("here.ex", "192.0.2.99");
  EXPECT_EQ(shown("u@a.ex"), "fail smart remote lowest numbered MX record points to local host");
  EXPECT_EQ(shown("u@b.ex"), "fail smart remote remote host address is the local host");
}

TEST_F(Routing, ReadsRouteData) {
  Router& router = add("data");
  router.driver = RouterDriver::manualroute;
  const auto with = [&](std::string_view text) {
    router.route_data = compiled(text);
    return shown("u@a.ex");
  };
  EXPECT_EQ(with("192.0.2.1:192.0.2.2"), "deliver data remote [192.0.2.1]:0 [192.0.2.2]:0 ");
  EXPECT_EQ(with("\"192.0.2.1 : 192.0.2.2\" byname no_randomize"), "deliver data remote [192.0.2.1]:0 [192.0.2.2]:0 ");
  EXPECT_EQ(with("  "), "unrouteable   Unrouteable address");
  EXPECT_EQ(with("192.0.2.1 frobnicate"), "defer data remote unknown routing option: \"frobnicate\"");
  EXPECT_EQ(
      with("mail_ex"),
      "defer data remote route_data: the host \"mail_ex\" cannot be used: it is neither an IP address nor the name of a host");
}

}  // namespace
}  // namespace postern::routing
