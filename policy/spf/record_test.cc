#include "policy/spf/record.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::spf {
namespace {

std::string fault(std::string_view text) {
  RecordError error;
  return read_record(text, error) ? "" : error.message;
}

TEST(SpfRecord, IsOneByItsVersion) {
  EXPECT_TRUE(is_record("v=spf1"));
  EXPECT_TRUE(is_record("V=SPF1 -all"));
  for (const char* other : {"", "v=spf", "v=spf10", "v=spf1\t-all", "v=spf2.0/pra", " v=spf1"}) EXPECT_FALSE(is_record(other));
  EXPECT_EQ(fault("v=DMARC1"), "the record does not begin with v=spf1");
}

TEST(SpfRecord, DirectivesAndModifiers) {
  const std::string text =
      "v=spf1 +a:x.example/24//64 ~MX//48 ?ip4:192.0.2.0/24 -ip6:2001:db8::/32 ptr exists:%{ir}.x.example include:y.example "
      "unknown.one=%{s}/any exp=why.example redirect=z.example. ";
  RecordError error;
  const auto record = read_record(text, error);
  ASSERT_TRUE(record) << error.message;
  const auto& all = record->directives;
  ASSERT_EQ(all.size(), 7U);
  EXPECT_EQ(all[0].mechanism, Mechanism::a);
  EXPECT_EQ(all[0].domain_spec, "x.example");
  EXPECT_EQ(all[0].ip4_bits, 24);
  EXPECT_EQ(all[0].ip6_bits, 64);
  EXPECT_EQ(all[0].text, "+a:x.example/24//64");
  EXPECT_EQ(all[1].result, Result::softfail);
  EXPECT_EQ(all[1].ip4_bits, 32);
  EXPECT_EQ(all[1].ip6_bits, 48);
  EXPECT_EQ(all[2].result, Result::neutral);
  EXPECT_EQ(all[2].address.to_string(), "192.0.2.0");
  EXPECT_EQ(all[3].result, Result::fail);
  EXPECT_EQ(all[3].ip6_bits, 32);
  EXPECT_EQ(all[5].domain_spec, "%{ir}.x.example");
  EXPECT_EQ(record->explanation, "why.example");
  EXPECT_EQ(record->redirect, "z.example.");
}

TEST(SpfRecord, WhatIsWrongIsNamed) {
  EXPECT_EQ(fault("v=spf1 moo -all"), "the term \"moo\" is no mechanism");
  EXPECT_EQ(fault("v=spf1 -all:x"), "the term \"-all:x\" has an argument, and all takes none");
  EXPECT_EQ(fault("v=spf1 ip4:192.0.2.0/33"), "the term \"ip4:192.0.2.0/33\" has a bad prefix length");
  EXPECT_EQ(fault("v=spf1 a:1.2.3.4"), "the term \"a:1.2.3.4\" has no good domain");
  EXPECT_EQ(fault("v=spf1 include -all"), "the term \"include\" has no domain");
  EXPECT_EQ(fault("v=spf1 exp=a.b exp=a.b"), "the term \"exp=a.b\" stands there twice");
  EXPECT_EQ(fault("v=spf1 a\r -all"), "the term \"a\\r\" is no mechanism");
}

TEST(SpfRecord, BadTerms) {
  for (const char* term : {"-",
                           "+",
                           "--all",
                           "a:",
                           "a/",
                           "a//",
                           "a/1/2",
                           "a/032",
                           "a/00",
                           "a//129",
                           "a///24",
                           "mx:x",
                           "ptr/24",
                           "ptr:",
                           "ip4",
                           "ip4:",
                           "ip4:1.2.3",
                           "ip4:1.2.3.4.5",
                           "ip4:1.2.3.04",
                           "ip4:1.2.3.256",
                           "ip4:1.2.3.4/",
                           "ip4:1.2.3.4//32",
                           "ip4:::1",
                           "ip6:1.2.3.4",
                           "ip6:",
                           "ip6:::1/129",
                           "ip6:::1//64",
                           "ip6:[::1]",
                           "exists",
                           "exists:a.b/24",
                           "include:%{x}.a.b",
                           "include:%{d0}.a.b",
                           "include:%{c}",
                           "include:a.%",
                           "include:%{d",
                           "exp=",
                           "redirect=",
                           "redirect=x",
                           "1up=x",
                           "=x",
                           "-exp=a.b",
                           "x=%",
                           "x=%{z}",
                           "a:a.b\x80.c.d"})
    EXPECT_NE(fault(std::string("v=spf1 ") + term), "") << term;
  for (const char* term : {"a:.com", "a:x%%", "a:%{d/}", "a:%{d/}/24", "A:%{D128R.-+,/_=}", "x=", "x.y-z_1=", "a/0//0",
                           "ip6:::ffff:1.2.3.4/96", "ip4:0.0.0.0/0", "a:x.example.", "mx:a:b/c.example", "exp=%{p}"})
    EXPECT_EQ(fault(std::string("v=spf1 ") + term), "") << term;
}

TEST(SpfRecord, AMappedAddressStaysIpv6) {
  RecordError error;
  const auto record = read_record("v=spf1 ip6:::ffff:192.0.2.1", error);
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->directives.at(0).address.is_v6());
}

TEST(SpfRecord, WhatIsNeverReachedIsCheckedAndNotKept) {
  RecordError error;
  EXPECT_EQ(read_record("v=spf1 -all a mx", error)->directives.size(), 1U);
  EXPECT_FALSE(read_record("v=spf1 -all moo", error));
  std::string many = "v=spf1";
  for (int i = 0; i < 1000; ++i) many += " a";
  EXPECT_EQ(read_record(many, error)->directives.size(), kTermsMax + 1);
  EXPECT_FALSE(read_record(many + std::string(kRecordBytesMax, ' '), error));
  EXPECT_EQ(error.message, "the record has more than 16384 bytes");
}

TEST(SpfRecord, CutAtEveryByteAndWithEveryByteWrong) {
  const std::string whole = "v=spf1 a:%{l1r-}.x.example/24//64 ?ip6:2001:db8::/32 exp=%{d}.y.example redirect=z.example";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    RecordError error;
    const std::string text = whole.substr(0, cut);
    const auto record = read_record(text, error);
    EXPECT_EQ(record.has_value(), error.message.empty()) << text;
    EXPECT_EQ(is_record(text), text.size() == 6 || (text.size() > 6 && text[6] == ' '));
  }
  EXPECT_EQ(fault(whole), "");
  for (std::size_t at = 6; at < whole.size(); ++at)
    for (const char bad : {'\0', '\t', '\n', '\x7f', '\x80', '\xff'}) {
      std::string text = whole;
      text[at] = bad;
      EXPECT_NE(fault(text), "") << at << " " << static_cast<int>(bad);
    }
}

}  // namespace
}  // namespace postern::spf
