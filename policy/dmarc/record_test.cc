#include "policy/dmarc/record.h"

#include <gtest/gtest.h>

#include "policy/dmarc/author.h"

namespace postern::dmarc {
namespace {

const std::string kWhole =
    "v=DMARC1; p=quarantine; sp=none; np=reject; adkim=s; aspf=s; pct=42; rf=afrf; ri=3600; fo=1:d:s; "
    "rua=mailto:a@example.com!10m, mailto:b@example.net; ruf=mailto:c%2Cd@example.com";

TEST(RecordTest, EveryTag) {
  const auto record = read_record(kWhole);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->policy, Policy::quarantine);
  EXPECT_EQ(record->subdomain_policy, Policy::none);
  EXPECT_EQ(record->nonexistent_policy, Policy::reject);
  EXPECT_EQ(record->dkim_alignment, AlignmentMode::strict);
  EXPECT_EQ(record->spf_alignment, AlignmentMode::strict);
  EXPECT_EQ(record->percent, 42U);
  EXPECT_EQ(record->report_interval_s, 3600U);
  EXPECT_FALSE(record->failure_options.all_failed);
  EXPECT_TRUE(record->failure_options.any_failed && record->failure_options.dkim_failed && record->failure_options.spf_failed);
  EXPECT_TRUE(record->wants_afrf);
  ASSERT_EQ(record->aggregate_uris.size(), 2U);
  EXPECT_EQ(record->aggregate_uris[0].uri, "mailto:a@example.com");
  EXPECT_EQ(record->aggregate_uris[0].bytes_max, 10U << 20U);
  EXPECT_EQ(record->aggregate_uris[1].uri, "mailto:b@example.net");
  EXPECT_FALSE(record->aggregate_uris[1].bytes_max);
  EXPECT_EQ(record->failure_uris.at(0).uri, "mailto:c%2Cd@example.com");
}

// Section 6.3.
TEST(RecordTest, Defaults) {
  const auto record = read_record("v=DMARC1;p=none");
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->subdomain_policy || record->nonexistent_policy);
  EXPECT_EQ(record->dkim_alignment, AlignmentMode::relaxed);
  EXPECT_EQ(record->percent, 100U);
  EXPECT_EQ(record->report_interval_s, 86400U);
  EXPECT_TRUE(record->failure_options.all_failed);
  EXPECT_FALSE(record->failure_options.any_failed);
  EXPECT_TRUE(record->wants_afrf && record->aggregate_uris.empty() && record->failure_uris.empty());
}

TEST(RecordTest, BlanksCaseAndOrder) {
  const auto record = read_record("V = DMARC1 ;\tADKIM = S ; P = Reject ;; rua = mailto:a@b.example ;");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->policy, Policy::reject);
  EXPECT_EQ(record->dkim_alignment, AlignmentMode::strict);
  EXPECT_EQ(record->aggregate_uris.size(), 1U);
}

TEST(RecordTest, FaultyValuesAreTheDefaults) {
  const auto record =
      read_record("v=DMARC1; p=reject; pct=-1; ri=99999999999; fo=x; adkim=strict; rf=iodef; rua=example, mailto:a b");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->percent, 100U);
  EXPECT_EQ(record->report_interval_s, 86400U);
  EXPECT_TRUE(record->failure_options.all_failed);
  EXPECT_EQ(record->dkim_alignment, AlignmentMode::relaxed);
  EXPECT_FALSE(record->wants_afrf);
  EXPECT_TRUE(record->aggregate_uris.empty());
}

TEST(RecordTest, WhatIsNone) {
  for (const std::string_view text : {"", ";", "v", "v=", "v=DMARC1x; p=none", "v=DMARC1 p=none", "p=none; v=DMARC1",
                                      " ; v=DMARC1; p=none", "v=dmarc1; p=none", "v=DMARC1; p", "v=DMARC1; p=none; =x",
                                      "v=DMARC1; p=none; p=none", "v=DMARC1; p=none; v=DMARC1", "v=DMARC1; p=none; a b=c"})
    EXPECT_FALSE(read_record(text)) << text;
  EXPECT_FALSE(read_record("v=DMARC1; p=none; x=" + std::string(kRecordBytesMax, 'a')));
}

TEST(RecordTest, SizesOfReports) {
  const auto size = [](const std::string& suffix) -> std::optional<std::uint64_t> {
    const auto record = read_record("v=DMARC1; p=none; rua=mailto:a@b.example!" + suffix);
    if (record->aggregate_uris.empty()) return std::nullopt;
    return record->aggregate_uris[0].bytes_max;
  };
  EXPECT_EQ(size("100"), 100U);
  EXPECT_EQ(size("1k"), 1024U);
  EXPECT_EQ(size("2M"), 2U << 20U);
  EXPECT_EQ(size("3g"), 3ULL << 30U);
  EXPECT_EQ(size("4t"), 4ULL << 40U);
  for (const char* wrong : {"", "k", "1x", "-1", "1kk", "99999999999999999999", "16777216t", "1!2"})
    EXPECT_FALSE(size(wrong)) << wrong;
}

TEST(RecordTest, BoundsHold) {
  std::string text = "v=DMARC1; p=none; rua=mailto:a@b.example";
  for (std::size_t i = 1; i < 2 * kReportUrisMax; ++i) text += ",mailto:a@b.example";
  EXPECT_EQ(read_record(text).value().aggregate_uris.size(), kReportUrisMax);
  text = "v=DMARC1; p=none";
  for (std::size_t i = 2; i < kTagsMax; ++i) text += "; x" + std::to_string(i) + "=1";
  EXPECT_TRUE(read_record(text));
  EXPECT_FALSE(read_record(text + "; y=1"));
}

TEST(RecordTest, CutAtEveryByte) {
  for (std::size_t length = 0; length <= kWhole.size(); ++length) {
    const auto record = read_record(kWhole.substr(0, length));
    // Up to "p=quarantine" whole there is no policy, nor a rua that would stand for one.
    constexpr std::size_t kPolicyEnds = 22;
    if (length < kPolicyEnds) EXPECT_FALSE(record) << length;
    if (record) EXPECT_LE(record->percent, 100U);
  }
  EXPECT_TRUE(read_record(kWhole.substr(0, 22)));
}

TEST(RecordTest, AReportAuthorizationNeedsNoPolicy) {
  EXPECT_TRUE(read_report_authorization("v=DMARC1"));
  EXPECT_TRUE(read_report_authorization("v=DMARC1;"));
  EXPECT_EQ(read_report_authorization("v=DMARC1; ruf=mailto:a@b.example")->failure_uris.size(), 1U);
  EXPECT_FALSE(read_report_authorization("v=DMARC2"));
  EXPECT_FALSE(read_report_authorization("DMARC1"));
}

Author author_of(std::initializer_list<std::string_view> fields) { return read_author(std::vector<std::string_view>(fields)); }
using Domains = std::vector<std::string>;

TEST(AuthorTest, DomainsOfTheUsualForms) {
  EXPECT_EQ(author_of({" A <a@Example.COM>"}).domains, Domains{"example.com"});
  EXPECT_EQ(author_of({"\r\n \"x, y\" (c <d@e>)\r\n <a@example.com> (z)"}).domains, Domains{"example.com"});
  EXPECT_EQ(author_of({"Group: a@one.example, b@two.example;, c@one.example"}).domains,
            (Domains{"one.example", "two.example"}));
  EXPECT_EQ(author_of({"a@m\xc3\xbcller.example"}).domains, Domains{"xn--mller-kva.example"});
  EXPECT_EQ(author_of({"a@one.example", "b@two.example"}).domains, (Domains{"one.example", "two.example"}));
}

TEST(AuthorTest, ProblemsAreNamed) {
  EXPECT_EQ(author_of({}).problem, "no From: field");
  EXPECT_EQ(author_of({""}).problem, "no domain in From:");
  EXPECT_EQ(author_of({"a"}).problem, "no domain in From:");
  EXPECT_EQ(author_of({"a@[192.0.2.1]"}).problem, "no domain in From:");
  EXPECT_EQ(author_of({"a@example.com, <<b@c>"}).problem, "malformed address in From:");
  EXPECT_TRUE(author_of({"a@example.com, <<b@c>"}).domains.empty());
  EXPECT_EQ(author_of({"a@\xff.example"}).problem.empty(), false);
  EXPECT_EQ(author_of({"a@b\xe2\x80\xbc.example"}).problem, "impossible domain in From:") << "U+203C is !! when normalised";
  EXPECT_EQ(author_of({"a@" + std::string(64, 'a') + ".example"}).problem.empty(), false);
  EXPECT_EQ(author_of({std::string(kFromBytesMax + 1, ' ')}).problem, "From: is too long");
}

TEST(AuthorTest, BoundsHold) {
  std::string many;
  for (std::size_t i = 0; i < kAuthorDomainsMax; ++i) many += "a@d" + std::to_string(i) + ".example,";
  EXPECT_EQ(author_of({many}).domains.size(), kAuthorDomainsMax);
  EXPECT_EQ(author_of({many + "a@more.example"}).problem, "too many domains in From:");
  many.clear();
  for (std::size_t i = 0; i < kAuthorAddressesMax; ++i) many += "a@b.example,";
  EXPECT_EQ(author_of({many}).domains.size(), 1U);
  EXPECT_EQ(author_of({many + "a@b.example"}).problem, "too many addresses in From:");
}

TEST(AuthorTest, CutAtEveryByte) {
  const std::string text = "\"A\\\" B\" (c (d)) <@route:a@one.example>, Group: b@m\xc3\xbcller.example, c@[192.0.2.1];";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const Author author = author_of({std::string_view(text).substr(0, length)});
    EXPECT_NE(author.domains.empty(), author.problem.empty()) << length;
  }
}

}  // namespace
}  // namespace postern::dmarc
