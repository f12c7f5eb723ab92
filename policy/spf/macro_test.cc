#include "policy/spf/macro.h"

#include <gtest/gtest.h>

#include <string>

#include "net/dns/names.h"

namespace postern::spf {
namespace {

MacroValues example(const char* client) {
  return {.client = IpAddress::parse(client).value(),
          .local_part = "strong-bad",
          .sender_domain = "email.example.com",
          .domain = "email.example.com",
          .helo = "mx.example.org",
          .receiver = "rcv.example.net",
          .name_of_client = "unknown",
          .unix_s = 1'700'000'000};
}
std::string v4(std::string_view text) { return expand(text, example("192.0.2.3"), MacroPlace::explanation); }
std::string v6(std::string_view text) { return expand(text, example("2001:db8::cb01"), MacroPlace::explanation); }

TEST(SpfMacro, TheExamplesOfTheRfc) {
  const std::pair<const char*, const char*> cases[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(v4(text), wanted) << text;
  EXPECT_TRUE(dns::same_name(v6("%{ir}.%{v}._spf.%{d2}"),
                             "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"));
}

TEST(SpfMacro, OtherLettersAndPercents) {
  EXPECT_EQ(v4("%{c} %{r} %{t} %{h} %{p}%%%_%-"), "192.0.2.3 rcv.example.net 1700000000 mx.example.org unknown% %20");
  EXPECT_EQ(v6("%{c}"), "2001:db8::cb01");
  EXPECT_EQ(v4("%{S}"), "strong-bad%40email.example.com");
  EXPECT_EQ(v4("%{D999}"), "email.example.com");
  MacroValues values = example("192.0.2.3");
  values.local_part = "a+b..c";
  EXPECT_EQ(expand("%{l+.}", values, MacroPlace::explanation), "a.b..c");
  EXPECT_EQ(expand("%{L1+}", values, MacroPlace::explanation), "b..c");
  values.local_part = "\xc3\xa9/%";
  EXPECT_EQ(expand("%{L}", values, MacroPlace::explanation), "%C3%A9%2F%25");
}

TEST(SpfMacro, WhatMayStandWhere) {
  EXPECT_TRUE(is_macro_string("Two words %{c}.", MacroPlace::explanation));
  EXPECT_FALSE(is_macro_string("Two words", MacroPlace::modifier));
  EXPECT_TRUE(is_macro_string("", MacroPlace::modifier));
  EXPECT_FALSE(is_macro_string("", MacroPlace::domain_spec));
  for (const char* text : {"%{c}", "%{r}.a.b", "%{t}.a.b"}) {
    EXPECT_FALSE(is_macro_string(text, MacroPlace::domain_spec)) << text;
    EXPECT_TRUE(is_macro_string(text, MacroPlace::explanation)) << text;
  }
  for (const char* bad :
       {"%", "%a", "%{", "%{}", "%{d", "%{d0}", "%{d00}", "%{drr}", "%{dr3}", "%{d*}", "%{ d}", "\xc3\xa9", "a\n"})
    EXPECT_FALSE(is_macro_string(bad, MacroPlace::explanation)) << bad;
  EXPECT_TRUE(asks_for_name_of_client("x.%{P2}"));
  EXPECT_FALSE(asks_for_name_of_client("%%{p}.%{d}p"));
}

TEST(SpfMacro, CutAtEveryByte) {
  const std::string whole = "%{l1r-}.%{ir}.%{v}.%%.%_%-.%{d2}";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string_view text = std::string_view(whole).substr(0, cut);
    const bool good = is_macro_string(text, MacroPlace::explanation);
    const std::size_t open = text.rfind('%');
    const bool open_brace =
        text.rfind("%{") != std::string_view::npos && text.find('}', text.rfind("%{")) == std::string_view::npos;
    const bool lone_percent = text.ends_with('%') && !text.ends_with("%%");
    EXPECT_EQ(good, !open_brace && !lone_percent) << text << open;
    if (good) EXPECT_LE(v4(text).size(), kExpansionBytesMax);
  }
}

TEST(SpfMacro, NamesAreCutFromTheLeftAndOthersFromTheRight) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "%{d}.";
  const std::string name = expand(many + "end.example", example("192.0.2.3"), MacroPlace::domain_spec);
  EXPECT_EQ(name.size(), kExpansionBytesMax);
  EXPECT_TRUE(name.ends_with("email.example.com.end.example"));
  const std::string asked = name_to_ask(name).value();
  EXPECT_LE(asked.size(), 253U);
  EXPECT_TRUE(asked.ends_with("email.example.com.end.example"));
  EXPECT_TRUE(v4("begin" + many).starts_with("beginemail.example.com"));
  EXPECT_EQ(v4("begin" + many).size(), kExpansionBytesMax);
}

TEST(SpfMacro, NamesForTheDns) {
  EXPECT_EQ(name_to_ask("a.example.").value(), "a.example");
  EXPECT_EQ(name_to_ask("a b\\.example").value(), "a\\032b\\\\.example");
  EXPECT_EQ(name_to_ask(std::string(63, 'a') + ".b").value().size(), 65U);
  for (const std::string& bad : {std::string(), std::string("."), std::string("a..b"), std::string(".a"),
                                 std::string(64, 'a') + ".b", std::string(300, 'a')})
    EXPECT_FALSE(name_to_ask(bad)) << bad;
}

}  // namespace
}  // namespace postern::spf
