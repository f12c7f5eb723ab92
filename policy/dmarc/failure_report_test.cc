#include "policy/dmarc/failure_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::dmarc {
namespace {

using auth_results::Result;
using ::testing::HasSubstr;
using ::testing::Not;

Outcome outcome_of(const std::string& tags, bool spf = false, bool dkim = false) {
  Outcome outcome;
  outcome.status = spf || dkim ? Status::accept : Status::reject;
  outcome.spf_aligned = spf;
  outcome.dkim_aligned = dkim;
  outcome.record = read_record("v=DMARC1; p=reject; ruf=mailto:f@example.com; " + tags);
  outcome.header_from = "mail.example.com";
  outcome.used_domain = "example.com";
  outcome.text = "Reject";
  return outcome;
}

// RFC 7489 section 6.3, fo.
TEST(FailureReportTest, WhenOneIsWanted) {
  const Facts none;
  EXPECT_TRUE(wants_failure_report(outcome_of(""), none));
  EXPECT_FALSE(wants_failure_report(outcome_of("", true), none));
  EXPECT_FALSE(wants_failure_report(outcome_of("fo=0", false, true), none));
  EXPECT_TRUE(wants_failure_report(outcome_of("fo=1", false, true), none));
  EXPECT_TRUE(wants_failure_report(outcome_of("fo=1", true, false), none));
  EXPECT_FALSE(wants_failure_report(outcome_of("fo=1", true, true), none));
  Facts failed;
  failed.spf.result = Result::fail;
  EXPECT_TRUE(wants_failure_report(outcome_of("fo=s", false, true), failed));
  EXPECT_FALSE(wants_failure_report(outcome_of("fo=d", false, true), failed));
  EXPECT_FALSE(wants_failure_report(outcome_of("fo=d"), failed)) << "only what fo names";
  failed = {};
  failed.dkim = {{Result::pass, PeerText("example.com"), {}}, {Result::fail, PeerText("list.example"), {}}};
  EXPECT_TRUE(wants_failure_report(outcome_of("fo=d", false, true), failed));
  EXPECT_FALSE(wants_failure_report(outcome_of("fo=s", false, true), failed));
}

TEST(FailureReportTest, WhenNoneIs) {
  Outcome outcome = outcome_of("rf=iodef");
  EXPECT_FALSE(wants_failure_report(outcome, {})) << "RFC 6591 is not a format it takes";
  outcome = outcome_of("");
  outcome.status = Status::temperror;
  EXPECT_FALSE(wants_failure_report(outcome, {}));
  outcome = outcome_of("");
  outcome.record = read_record("v=DMARC1; p=reject; rua=mailto:a@example.com");
  EXPECT_FALSE(wants_failure_report(outcome, {})) << "no ruf";
  EXPECT_FALSE(wants_failure_report(switched_off(), {}));
}

FailureReport report() {
  FailureReport report;
  report.from = "DMARC <postmaster@mx.example>";
  report.to = PeerText("f@example.com");
  report.host = "mx.example";
  report.id = "E1";
  report.boundary = "BOUNDARY";
  report.now = {1'700'000'100'000'000};
  report.user_agent = "postern/0.1.0";
  report.client_address = "192.0.2.1";
  report.received = {1'700'000'000'000'000};
  report.sender = PeerText("a@bounce.example.net");
  report.authentication_results = "Authentication-Results: mx.example;\n\tdmarc=fail (p=reject) header.from=mail.example.com";
  report.facts.spf = {Result::pass, PeerText("bounce.example.net")};
  report.facts.dkim = {{Result::pass, PeerText("example.net"), PeerText("s1")},
                       {Result::fail, PeerText("example.com"), PeerText("s2")}};
  report.outcome = outcome_of("");
  report.spf_record = "v=spf1 \"x\\ -all";
  report.delivery_result = DeliveryResult::reject;
  return report;
}

TEST(FailureReportTest, TheWholeMessage) {
  const std::string header = "Received: x\r\nFrom: a@mail.example.com\r\nSubject: t\r\n\r\n";
  FailureReport asked = report();
  asked.header = PeerView(header);
  const std::string received = format_rfc5322_time(asked.received);
  EXPECT_EQ(build_failure_report(asked),
            "Auto-Submitted: auto-replied\r\n"
            "From: DMARC <postmaster@mx.example>\r\n"
            "To: f@example.com\r\n"
            "Subject: DMARC failure report for mail.example.com from IP 192.0.2.1\r\n"
            "Message-Id: <E1@mx.example>\r\n"
            "Date: " +
                format_rfc5322_time(asked.now) +
                "\r\n"
                "MIME-Version: 1.0\r\n"
                "Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=\"BOUNDARY\"\r\n"
                "\r\n"
                "--BOUNDARY\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n"
                "\r\n"
                "This is a DMARC failure report, written by the mail gateway mx.example; nobody reads\r\n"
                "replies to it. It was asked for by the DMARC record of example.com.\r\n"
                "A message that claims to be from mail.example.com did not\r\n"
                "pass all checks of that policy. Its header is below.\r\n"
                "\r\n"
                "    Sender domain:   mail.example.com\r\n"
                "    Client address:  192.0.2.1\r\n"
                "    Received:        " +
                received +
                "\r\n"
                "    SPF alignment:   no\r\n"
                "    DKIM alignment:  no\r\n"
                "    DMARC result:    Reject\r\n"
                "\r\n"
                "--BOUNDARY\r\n"
                "Content-Type: message/feedback-report\r\n"
                "\r\n"
                "Feedback-Type: auth-failure\r\n"
                "User-Agent: postern/0.1.0\r\n"
                "Version: 1\r\n"
                "Original-Mail-From: <a@bounce.example.net>\r\n"
                "Arrival-Date: " +
                received +
                "\r\n"
                "Reporting-MTA: dns; mx.example\r\n"
                "Source-IP: 192.0.2.1\r\n"
                "Reported-Domain: mail.example.com\r\n"
                "Authentication-Results: mx.example;\r\n\tdmarc=fail (p=reject) header.from=mail.example.com\r\n"
                "Auth-Failure: dmarc\r\n"
                "Delivery-Result: reject\r\n"
                "Identity-Alignment: none\r\n"
                "DKIM-Domain: example.com\r\n"
                "DKIM-Identity: @example.com\r\n"
                "DKIM-Selector: s2\r\n"
                "SPF-DNS: txt : bounce.example.net : \"v=spf1 \\\"x\\\\ -all\"\r\n"
                "\r\n"
                "--BOUNDARY\r\n"
                "Content-Type: text/rfc822-headers\r\n"
                "\r\n" +
                header + "--BOUNDARY--\r\n");
}

TEST(FailureReportTest, WhatIsAlignedIsSaid) {
  FailureReport asked = report();
  asked.outcome = outcome_of("fo=1", true, false);
  EXPECT_THAT(build_failure_report(asked), HasSubstr("Identity-Alignment: spf\r\n"));
  asked.outcome.dkim_aligned = true;
  EXPECT_THAT(build_failure_report(asked), HasSubstr("Identity-Alignment: dkim, spf\r\n"));
  asked.facts.dkim.clear();
  asked.spf_record.clear();
  EXPECT_THAT(build_failure_report(asked), Not(HasSubstr("DKIM-")));
  EXPECT_THAT(build_failure_report(asked), Not(HasSubstr("SPF-DNS")));
}

TEST(FailureReportTest, NoValueAddsALine) {
  FailureReport asked = report();
  asked.to = PeerText("a@b\r\nBcc: x@y");
  asked.sender = PeerText("a\r\nSource-IP: 1.2.3.4");
  asked.facts.dkim[1].selector = PeerText("s\r\n\r\n--BOUNDARY--");
  asked.outcome.header_from = "x\nY: z";
  const std::string text = build_failure_report(asked);
  EXPECT_THAT(text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(text, Not(HasSubstr("\nSource-IP: 1.2.3.4")));
  EXPECT_THAT(text, Not(HasSubstr("\nY: z")));
  EXPECT_EQ(text.find("\r\n--BOUNDARY--"), text.rfind("\r\n--BOUNDARY--"));
}

TEST(FailureReportTest, ALongHeaderIsCutBetweenLines) {
  std::string header;
  while (header.size() <= kReportHeaderBytesMax) header += "X-Line: " + std::string(90, 'a') + "\r\n";
  FailureReport asked = report();
  asked.header = PeerView(header);
  const std::string text = build_failure_report(asked);
  EXPECT_LT(text.size(), kReportHeaderBytesMax + 4096);
  EXPECT_THAT(text, HasSubstr("aaa\r\n--BOUNDARY--\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("X-Line: \r\n--")));
}

TEST(FailureReportTest, EightBitHeadersAreSaid) {
  const std::string header = "Subject: \xc3\xbc";
  FailureReport asked = report();
  asked.header = PeerView(header);
  const std::string text = build_failure_report(asked);
  EXPECT_THAT(text, HasSubstr("boundary=\"BOUNDARY\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
  EXPECT_THAT(text,
              HasSubstr("text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: \xc3\xbc\r\n--BOUNDARY--"));
}

}  // namespace
}  // namespace postern::dmarc
