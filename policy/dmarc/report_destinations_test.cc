#include "policy/dmarc/report_destinations.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dmarc {
namespace {

std::string mailbox(const std::string& uri) {
  const auto destination = read_mailto({.uri = uri, .bytes_max = std::nullopt});
  return destination ? std::string(destination->mailbox.view()) : "";
}

TEST(MailtoTest, OneMailbox) {
  EXPECT_EQ(mailbox("mailto:a@example.com"), "a@example.com");
  EXPECT_EQ(mailbox("MAILTO:a+b@Example.com?subject=x"), "a+b@Example.com");
  EXPECT_EQ(mailbox("mailto:a%2Bb%40example.com"), "a+b@example.com");
  EXPECT_EQ(read_mailto({.uri = "mailto:a@Example.com", .bytes_max = std::nullopt})->domain, "example.com");
  for (const char* wrong :
       {"https://example.com/", "mailto:", "mailto:a", "mailto:a@", "mailto:@example.com", "mailto:a@b@c",
        "mailto:a@example.com%0D%0ABcc:x@y", "mailto:a@example.com%2Cb@example.com", "mailto:%3Ca@example.com%3E",
        "mailto:a@[192.0.2.1]", "mailto:a@example.com%00", "mailto:a%20b@example.com"})
    EXPECT_EQ(mailbox(wrong), "") << wrong;
}

TEST(MailtoTest, SizeLimits) {
  EXPECT_TRUE((Destination{PeerText("a@b"), "b", std::nullopt}.takes(1 << 30)));
  EXPECT_TRUE((Destination{PeerText("a@b"), "b", 100}.takes(100)));
  EXPECT_FALSE((Destination{PeerText("a@b"), "b", 100}.takes(101)));
}

// RFC 7489 section 7.1.
class ConsentTest : public ::testing::Test {
 protected:
  std::string find(const std::string& uris, Wait wait = {}, std::int64_t ms = 0) {
    std::string error;
    auto suffixes = psl::PublicSuffixList::read("com\nnet\n", error);
    const auto record = read_record("v=DMARC1; p=reject; ruf=" + uris);
    destinations_ =
        testing::run_task(scheduler_, find_destinations(record->failure_uris, "example.com", suffixes, resolver_, wait), ms);
    std::string all;
    for (const Destination& destination : destinations_.allowed) all += std::string(destination.mailbox.view()) + " ";
    return all;
  }
  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
  Destinations destinations_;
};

TEST_F(ConsentTest, TheSameOrganisationIsNotAsked) {
  EXPECT_EQ(find("mailto:a@example.com,mailto:b@reports.example.com"), "a@example.com b@reports.example.com ");
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(ConsentTest, AnotherConsentsByARecord) {
  EXPECT_EQ(find("mailto:a@third.net"), "");
  EXPECT_EQ(destinations_.refused,
            std::vector<std::string>{"third.net has not consented: example.com._report._dmarc.third.net has no record"});
  resolver_.add_text("example.com._report._dmarc.third.net", "something else");
  EXPECT_EQ(find("mailto:a@third.net"), "");
  resolver_.add_text("example.com._report._dmarc.third.net", "v=DMARC1");
  EXPECT_EQ(find("mailto:a@third.net"), "a@third.net ");
  EXPECT_EQ(resolver_.asked.back().first, "example.com._report._dmarc.third.net");
}

TEST_F(ConsentTest, ItMayNameAnotherPlaceAtTheSameHost) {
  resolver_.add_text("example.com._report._dmarc.third.net", "v=DMARC1; ruf=mailto:x@elsewhere.net,mailto:other@third.net!1k");
  EXPECT_EQ(find("mailto:a@third.net"), "other@third.net ");
  EXPECT_EQ(destinations_.allowed.at(0).bytes_max, 1024U);
  resolver_.add_text("example.com._report._dmarc.fourth.net", "v=DMARC1; ruf=mailto:victim@elsewhere.net");
  EXPECT_EQ(find("mailto:a@fourth.net"), "");
  EXPECT_EQ(destinations_.refused, std::vector<std::string>{"fourth.net consents to reports to another place only"});
}

TEST_F(ConsentTest, WithoutAnAnswerNoneIsSent) {
  resolver_.fail("example.com._report._dmarc.third.net", dns::Type::txt);
  EXPECT_EQ(find("mailto:a@third.net,mailto:b@example.com"), "b@example.com ");
  EXPECT_EQ(destinations_.refused,
            std::vector<std::string>{"the consent of third.net is not known: SERVFAIL from [192.0.2.53]:53"});
  resolver_.add_text("example.com._report._dmarc.slow.net", "v=DMARC1");
  resolver_.delay("example.com._report._dmarc.slow.net", dns::Type::txt, 5000);
  EXPECT_EQ(find("mailto:a@slow.net", {.deadline = scheduler_.now().plus_ms(1000), .stop = nullptr}, 1000), "");
}

TEST_F(ConsentTest, OtherSchemesAndTooManyAreLeftOut) {
  EXPECT_EQ(find("https://example.com/report,mailto:a@example.com"), "a@example.com ");
  EXPECT_EQ(destinations_.refused,
            std::vector<std::string>{"https://example.com/report is no mailbox that a report could be sent to"});
  std::string many = "mailto:a@example.com";
  for (std::size_t i = 0; i < kDestinationsMax; ++i) many += ",mailto:b@example.com";
  static_cast<void>(find(many));
  EXPECT_EQ(destinations_.allowed.size(), kDestinationsMax);
}

TEST(ReportRatesTest, SoManyInAnHour) {
  ReportRates rates(2);
  const Instant start{};
  EXPECT_TRUE(rates.allow("a.example", start));
  EXPECT_TRUE(rates.allow("a.example", start.plus_ms(1000)));
  EXPECT_FALSE(rates.allow("a.example", start.plus_ms(2000)));
  EXPECT_TRUE(rates.allow("b.example", start.plus_ms(2000)));
  EXPECT_FALSE(rates.allow("a.example", start.plus_ms(ReportRates::kPeriodMs - 1)));
  EXPECT_TRUE(rates.allow("a.example", start.plus_ms(ReportRates::kPeriodMs)));
  EXPECT_FALSE(ReportRates(0).allow("a.example", start));
}

TEST(ReportRatesTest, StrangersNamesFillItOnlyUntilTheHourEnds) {
  ReportRates rates(1);
  const Instant start{};
  for (std::size_t i = 0; i < ReportRates::kDomainsMax; ++i) EXPECT_TRUE(rates.allow("d" + std::to_string(i), start));
  EXPECT_FALSE(rates.allow("another", start.plus_ms(1)));
  EXPECT_EQ(rates.domains(), ReportRates::kDomainsMax);
  EXPECT_TRUE(rates.allow("another", start.plus_ms(ReportRates::kPeriodMs)));
  EXPECT_EQ(rates.domains(), 1U);
}

}  // namespace
}  // namespace postern::dmarc
