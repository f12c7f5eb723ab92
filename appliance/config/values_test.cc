#include "appliance/config/values.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "appliance/config/host_facts.h"
#include "appliance/config/listen.h"
#include "appliance/config/log_selector.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::config {
namespace {

using expand::ConfigTextForTest;

// Accepted and refused as by Exim.
TEST(Values, Times) {
  const struct {
    std::string_view text;
    std::int64_t seconds;
  } good[] = {{"5s", 5}, {"0s", 0}, {"1d2h", 93600}, {"2h1d", 93600}, {"1h1h", 7200}, {"1w", 604800}, {"90m", 5400}};
  std::string why;
  for (const auto& c : good) EXPECT_EQ(read_time(c.text, why), c.seconds) << c.text;
  for (const std::string_view bad : {"", "5", "5x", "5 m", "1.5h", "-5s", "h", "5s5", "99999999999999999999s", "9999999w"})
    EXPECT_FALSE(read_time(bad, why)) << bad;
  EXPECT_EQ(read_time("5", why), std::nullopt);
  EXPECT_EQ(why, "\"5\" is not a time: write numbers with s, m, h, d or w, as in 1h30m");
}

TEST(Values, TimeLists) {
  std::string why;
  EXPECT_EQ(read_time_list("1h : 2h", why), (std::vector<std::int64_t>{3600, 7200}));
  EXPECT_EQ(read_time_list("", why), std::vector<std::int64_t>{});
  EXPECT_FALSE(read_time_list("2h:1h", why));
  EXPECT_EQ(why, "the times do not grow: \"1h\" is not longer than the one before it");
}

TEST(Values, Integers) {
  const struct {
    std::string_view text;
    std::int64_t value;
  } good[] = {{"5", 5},        {"0", 0},        {"0x10", 16}, {"0X1f", 31}, {"010", 8},    {"1k", 1024},
              {"2M", 2 << 20}, {"1g", 1 << 30}, {"-1", -1},   {"+7", 7},    {"0x1K", 1024}};
  std::string why;
  for (const auto& c : good) EXPECT_EQ(read_integer(c.text, why), c.value) << c.text;
  for (const std::string_view bad : {"", "x", "08", "1.5", "5 k", "5kk", "--5", "99999999999999999999", "9999999999999G", "0x"})
    EXPECT_FALSE(read_integer(bad, why)) << bad;
  (void)read_integer("5 k", why);
  EXPECT_EQ(why, "\" k\" behind the number: only K, M or G may follow it");
}

TEST(Values, OctalFixedBool) {
  std::string why;
  EXPECT_EQ(read_octal("0700", why), 0700u);
  EXPECT_EQ(read_octal("644", why), 0644u);
  EXPECT_FALSE(read_octal("8", why));
  EXPECT_EQ(read_fixed("1.5", why), 1500);
  EXPECT_EQ(read_fixed("2", why), 2000);
  EXPECT_EQ(read_fixed("0.001", why), 1);
  for (const std::string_view bad : {"", ".5", "1.2345", "-1", "x", "1.x"}) EXPECT_FALSE(read_fixed(bad, why)) << bad;
  EXPECT_EQ(read_bool("TRUE", why), true);
  EXPECT_EQ(read_bool("no", why), false);
  EXPECT_FALSE(read_bool("1", why));
  EXPECT_EQ(why, "\"1\" is not yes, no, true or false");
}

TEST(Values, Strings) {
  const auto read = [](std::string_view text) {
    expand::Diagnostics diagnostics;
    const auto value = read_string(ConfigTextForTest::line(text), diagnostics);
    if (value) return std::string(value->view());
    return std::to_string(diagnostics.all()[0].column) + ": " + diagnostics.all()[0].message;
  };
  EXPECT_EQ(read("plain \\n text"), "plain \\n text");
  EXPECT_EQ(read("\"a\\tb\\x41\\101\\\"\\q\" "), "a\tbAA\"q");
  EXPECT_EQ(read("\"\""), "");
  EXPECT_EQ(read("a\"b"), "a\"b");
  EXPECT_EQ(read("\"a"), "1: the closing double quote is missing");
  EXPECT_EQ(read("\"a\\\""), "1: the closing double quote is missing");
  EXPECT_EQ(read("\"a\" x"), "4: \"x\" stands behind the closing double quote");
  expand::Diagnostics diagnostics;
  const auto placed = read_string(ConfigTextForTest::line("\"a\\tb\""), diagnostics);
  EXPECT_EQ(placed->position(0).column, 2u);
  EXPECT_EQ(placed->position(1).column, 3u);
  EXPECT_EQ(placed->position(2).column, 5u);
}

TEST(Listen, Interfaces) {
  const struct {
    std::string_view item;
    std::string_view address;
    std::uint16_t port;
  } good[] = {{"192.0.2.1", "192.0.2.1", 0},       {"192.0.2.1.1225", "192.0.2.1", 1225},
              {"[192.0.2.1]:26", "192.0.2.1", 26}, {"::1", "::1", 0},
              {"::1.1225", "::1", 1225},           {"[::1]:1225", "::1", 1225},
              {"2001:db8::1", "2001:db8::1", 0},   {"::0.25", "::", 25},
              {"0.0.0.0.25", "0.0.0.0", 25}};
  std::string why;
  for (const auto& c : good) {
    const auto interface = read_interface(c.item, why);
    ASSERT_TRUE(interface) << c.item;
    EXPECT_EQ(interface->address.to_string(), c.address);
    EXPECT_EQ(interface->port, c.port);
  }
  for (const std::string_view bad :
       {"", "x", "1.2.3", "1.2.3.4.x", "1.2.3.4.0", "1.2.3.4.65536", "[::1]", "[::1:25", "[x]:25", "mail.example"})
    EXPECT_FALSE(read_interface(bad, why)) << bad;
}

TEST(Listen, CombinesInterfacesAndPorts) {
  const IpAddress any;
  const IpAddress lo = *IpAddress::parse("127.0.0.1");
  EXPECT_EQ(listen_addresses({{any, 0}, {lo, 26}, {any, 25}}, {25, 587}),
            (std::vector<SocketAddress>{{any, 25}, {any, 587}, {lo, 26}}));
  const IpAddress v6 = *IpAddress::parse("2001:db8::1");
  EXPECT_EQ(local_addresses({{any, 25}}, {}, {lo, v6}), std::vector<IpAddress>{lo});
  EXPECT_EQ(local_addresses({{lo, 25}}, {{*IpAddress::parse("::"), 0}, {lo, 0}}, {lo, v6}), (std::vector<IpAddress>{lo, v6}));
}

TEST(LogSelector, AddsAndTakesAway) {
  LogSelectors selectors;
  EXPECT_TRUE(selectors.has(LogSelector::retry_defer));
  EXPECT_FALSE(selectors.has(LogSelector::subject));
  expand::Diagnostics diagnostics;
  selectors.apply(ConfigTextForTest::line("+subject -retry_defer + arguments+pid"), diagnostics);
  EXPECT_TRUE(selectors.has(LogSelector::subject) && selectors.has(LogSelector::arguments) && selectors.has(LogSelector::pid));
  EXPECT_FALSE(selectors.has(LogSelector::retry_defer));
  EXPECT_EQ(diagnostics.errors(), 0u);
  selectors.apply(ConfigTextForTest::line("+all -pid"), diagnostics);
  EXPECT_TRUE(selectors.has(LogSelector::etrn) && selectors.has(LogSelector::tls_sni));
  EXPECT_FALSE(selectors.has(LogSelector::pid));
  selectors.apply(ConfigTextForTest::line("subject +subjekt"), diagnostics);
  ASSERT_EQ(diagnostics.errors(), 2u);
  const auto& all = diagnostics.all();
  EXPECT_EQ(all[all.size() - 2].message, "log_selector: + or - is missing before \"subject\"");
  EXPECT_EQ(all.back().message, "log_selector: unknown selector \"subjekt\": did you mean \"subject\"?");
  EXPECT_EQ(all.back().column, 10u);
}

TEST(LogSelector, WhatTurnsSomethingOffLoadsInSilence) {
  LogSelectors selectors;
  expand::Diagnostics diagnostics;
  selectors.apply(ConfigTextForTest::line("-etrn -sender_verify_fail"), diagnostics);
  EXPECT_TRUE(diagnostics.all().empty());
  EXPECT_FALSE(selectors.has(LogSelector::etrn) || selectors.has(LogSelector::sender_verify_fail));
}

TEST(HostFacts, FindTheQualifiedName) {
  constexpr std::string_view kHosts = "127.0.0.1 localhost\n127.0.1.1\tmx.example.org mx # me\n::1 localhost ip6\n";
  EXPECT_EQ(qualified_name("mx", std::string(kHosts)), "mx.example.org");
  EXPECT_EQ(qualified_name("mx.other.org", std::string(kHosts)), "mx.other.org");
  EXPECT_EQ(qualified_name("other", std::string(kHosts)), "other");
  EXPECT_EQ(qualified_name("me", std::string(kHosts)), "me");  // only in a comment
}

}  // namespace
}  // namespace postern::config
