#include "appliance/delivery/bounce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "appliance/delivery/transports/testing.h"

namespace postern::delivery {
namespace {

using ::testing::HasSubstr;
using testing::MessageSpec;
using ::testing::Not;
using testing::StoredMessage;

Problem refused_by_peer() {
  Problem problem;
  problem.kind = ProblemKind::rcpt_rejected;
  problem.permanent = true;
  problem.reply_code = 550;
  problem.status = {5, 1, 1};
  problem.text = "SMTP error from remote mail server after RCPT TO:<r@rcpt.example>: 550 5.1.1 unknown";
  problem.diagnostic = "550 5.1.1 unknown";
  problem.host = HostSeen{"mx.example", {{IpAddress::parse("192.0.2.1").value(), 25}, {}}, false};
  return problem;
}

std::string bounce_of(const StoredMessage& message, std::vector<FailedRecipient> failed, std::string_view header) {
  return make_bounce({.id = "1wLOs4-000001-0T",
                      .to = message.view.sender.view(),
                      .boundary = "1700000000-postern-abc",
                      .hostname = "gw.example",
                      .from = "Mail Delivery System <Mailer-Daemon@example>",
                      .original = message.view,
                      .original_header = header,
                      .failed = failed,
                      .now = {1'700'000'100'000'000}});
}

TEST(Bounce, IsAReportWithThreeParts) {
  namespace attribute = spool::attribute;
  MessageSpec spec;
  spec.attributes = {spool::Attribute::peer_text(attribute::kDsnEnvid, PeerView("QQ+2B1"))};
  spec.recipient_attributes = {{spool::Attribute::peer_text(attribute::kOrcpt, PeerView("rfc822;o@d.example"))}};
  const StoredMessage message(spec);
  const Problem problem = refused_by_peer();
  const std::string bounce =
      bounce_of(message, {{message.recipients[0], &problem}}, "Received: by us\r\nMessage-ID: <m@c.example>\r\nSubject: s\r\n");
  const std::string date = format_rfc5322_time({1'700'000'100'000'000});
  const std::string arrival = format_rfc5322_time({1'700'000'000'000'000});
  EXPECT_EQ(bounce,
            "X-Failed-Recipients: r@rcpt.example\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "From: Mail Delivery System <Mailer-Daemon@example>\r\n"
            "To: s@send.example\r\n"
            "Subject: Mail delivery failed: returning message to sender\r\n"
            "References: <m@c.example>\r\n"
            "Message-Id: <E1wLOs4-000001-0T@gw.example>\r\n"
            "Date: " +
                date +
                "\r\n"
                "MIME-Version: 1.0\r\n"
                "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"1700000000-postern-abc\"\r\n"
                "\r\n"
                "--1700000000-postern-abc\r\n"
                "Content-Type: text/plain; charset=us-ascii\r\n"
                "\r\n"
                "This report was written by the mail gateway gw.example; nobody reads replies to it.\r\n"
                "\r\n"
                "Your message has not reached the recipients below. It will not be tried again.\r\n"
                "\r\n"
                "  r@rcpt.example\r\n"
                "    host mx.example [192.0.2.1]\r\n"
                "    SMTP error from remote mail server after RCPT TO:<r@rcpt.example>: 550 5.1.1 unknown\r\n"
                "\r\n"
                "--1700000000-postern-abc\r\n"
                "Content-Type: message/delivery-status\r\n"
                "\r\n"
                "Reporting-MTA: dns; gw.example\r\n"
                "Original-Envelope-Id: QQ+1\r\n"
                "Arrival-Date: " +
                arrival +
                "\r\n"
                "\r\n"
                "Original-Recipient: rfc822;o@d.example\r\n"
                "Final-Recipient: rfc822;r@rcpt.example\r\n"
                "Action: failed\r\n"
                "Status: 5.1.1\r\n"
                "Remote-MTA: dns; mx.example\r\n"
                "Diagnostic-Code: smtp; 550 5.1.1 unknown\r\n"
                "Last-Attempt-Date: " +
                date +
                "\r\n"
                "\r\n"
                "--1700000000-postern-abc\r\n"
                "Content-Type: text/rfc822-headers\r\n"
                "\r\n"
                "Received: by us\r\nMessage-ID: <m@c.example>\r\nSubject: s\r\n"
                "\r\n"
                "--1700000000-postern-abc--\r\n");
}

TEST(Bounce, MayLeaveTheOriginalOut) {
  const StoredMessage message{MessageSpec{}};
  const Problem problem = refused_by_peer();
  const std::vector<FailedRecipient> failed{{message.recipients[0], &problem}};
  const std::string bounce = make_bounce({.id = "1wLOs4-000001-0T",
                                          .to = "s@send.example",
                                          .boundary = "b",
                                          .hostname = "gw.example",
                                          .from = "Post\r\nBcc: x@y <p@gw.example>",
                                          .original = message.view,
                                          .original_header = "Subject: gr\xc3\xbc\xc3\x9f\r\n",
                                          .returns_header = false,
                                          .failed = failed,
                                          .now = {1'700'000'100'000'000}});
  EXPECT_THAT(bounce, HasSubstr("\r\nFrom: Post??Bcc: x@y <p@gw.example>\r\n"));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("Subject: gr")));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("rfc822-headers")));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("8bit")));
  EXPECT_TRUE(bounce.ends_with("\r\n\r\n--b--\r\n"));
}

TEST(Bounce, StatusIsThatOfAFailure) {
  const StoredMessage message{MessageSpec{}};
  Problem problem = refused_by_peer();
  problem.status = {4, 2, 2};
  EXPECT_THAT(bounce_of(message, {{message.recipients[0], &problem}}, ""), HasSubstr("\r\nStatus: 5.2.2\r\n"));
  const std::string timed_out = bounce_of(message, {{message.recipients[0], &problem, true}}, "");
  EXPECT_THAT(timed_out, HasSubstr("\r\nStatus: 5.4.7\r\n"));
  EXPECT_THAT(timed_out, HasSubstr(": retry timeout exceeded\r\n"));
  problem.status = {};
  EXPECT_THAT(bounce_of(message, {{message.recipients[0], &problem}}, ""), HasSubstr("\r\nStatus: 5.0.0\r\n"));
  Problem unrouteable;
  unrouteable.text = "Unrouteable address";
  const std::string bounce = bounce_of(message, {{message.recipients[0], &unrouteable}}, "");
  EXPECT_THAT(bounce, HasSubstr("    Unrouteable address\r\n"));
  EXPECT_THAT(bounce, Not(HasSubstr("Remote-MTA")));
  EXPECT_THAT(bounce, Not(HasSubstr("Diagnostic-Code")));
}

TEST(Bounce, ManyRecipientsTakeSeveralFields) {
  MessageSpec spec;
  spec.recipients.clear();
  for (int i = 0; i < 120; ++i) spec.recipients.push_back("r" + std::to_string(i) + "@x");
  const StoredMessage message(spec);
  const Problem problem = refused_by_peer();
  std::vector<FailedRecipient> failed;
  for (const spool::RecipientView& recipient : message.recipients) failed.push_back({recipient, &problem});
  const std::string bounce = bounce_of(message, failed, "");
  EXPECT_THAT(bounce, HasSubstr("\tr49@x\r\nX-Failed-Recipients: r50@x,\r\n"));
  EXPECT_THAT(bounce, HasSubstr("\tr119@x\r\nAuto-Submitted"));
}

TEST(Bounce, NothingAStrangerWroteBreaksItsForm) {
  namespace attribute = spool::attribute;
  MessageSpec spec;
  spec.sender = "s\r\nBcc: x@y";
  spec.recipients = {"\xc3\xa9\x01@b.example"};
  spec.attributes = {spool::Attribute::peer_text(attribute::kDsnEnvid, PeerView("a+0D+0AStatus:+202.0.0"))};
  spec.recipient_attributes = {{spool::Attribute::peer_text(attribute::kOrcpt, PeerView("rfc822;a\nb"))}};
  const StoredMessage message(spec);
  Problem problem = refused_by_peer();
  problem.diagnostic = "550 \xff\xe9";
  problem.text = std::string(5000, 'x');
  problem.host->name = "h\nost";
  const std::string bounce = bounce_of(message, {{message.recipients[0], &problem}}, "Message-ID: <a b>\r\nSubject: \xff\r\n");
  EXPECT_THAT(bounce, HasSubstr("To: s??Bcc: x@y\r\n"));
  EXPECT_THAT(bounce, HasSubstr("Final-Recipient: utf-8;\\x{E9}?@b.example\r\n"));
  EXPECT_THAT(bounce, HasSubstr("Original-Envelope-Id: a??Status: 2.0.0\r\n"));
  EXPECT_THAT(bounce, HasSubstr("Original-Recipient: rfc822;a?b\r\n"));
  EXPECT_THAT(bounce, HasSubstr("Diagnostic-Code: smtp; 550 ??\r\n"));
  EXPECT_THAT(bounce, Not(HasSubstr("References")));
  EXPECT_THAT(bounce, HasSubstr("Content-Transfer-Encoding: 8bit\r\n"));
  std::size_t line = 0;
  for (std::size_t i = 0; i < bounce.size(); ++i) {
    const bool is_end = bounce[i] == '\n';
    EXPECT_EQ(bounce[i] == '\r', i + 1 < bounce.size() && bounce[i + 1] == '\n') << i;
    line = is_end ? 0 : line + 1;
    ASSERT_LE(line, 999U);
  }
}

TEST(Bounce, NotifyDecides) {
  namespace attribute = spool::attribute;
  const std::pair<std::int64_t, bool> cases[] = {{0, true}, {1, false}, {2, false}, {4, true}, {6, true}, {8, false}};
  for (const auto& [notify, wanted] : cases) {
    MessageSpec spec;
    spec.recipient_attributes = {{spool::Attribute::number(attribute::kNotify, notify)}};
    EXPECT_EQ(wants_failure_report(StoredMessage(spec).recipients[0]), wanted) << notify;
  }
  EXPECT_TRUE(wants_failure_report(StoredMessage(MessageSpec{}).recipients[0]));
}

TEST(Bounce, TypedAddresses) {
  EXPECT_EQ(typed_address("a@b"), "rfc822;a@b");
  EXPECT_EQ(typed_address("\xe2\x82\xac@\xf0\x9f\x98\x80.example"), "utf-8;\\x{20AC}@\\x{1F600}.example");
}

}  // namespace
}  // namespace postern::delivery
