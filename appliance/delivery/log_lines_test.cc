#include "appliance/delivery/log_lines.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace postern::delivery {
namespace {

const HostSeen kHost{"mx.example", {{IpAddress::parse("192.0.2.1").value(), 2525}, {}}, false};
const LineSubject kSubject{"1wLOs3-000008-0T", "a@b.example", "smart", "out"};

Problem problem(ProblemKind kind, std::string text, int os_errno = 0) {
  Problem made;
  made.kind = kind;
  made.text = std::move(text);
  made.os_errno = os_errno;
  made.host = kHost;
  return made;
}

TEST(LogLines, Delivered) {
  const config::LogSelectors usual;
  Delivered delivered{.recipients = {}, .host = &kHost, .confirmation = "250 OK id=1"};
  EXPECT_EQ(delivered_line(kSubject, delivered, true, usual),
            "1wLOs3-000008-0T => a@b.example R=smart T=out H=mx.example [192.0.2.1] C=\"250 OK id=1\"");
  delivered.chunked = true;
  delivered.confirmation = "250- 3 byte chunk\\n250 \"quoted\"";
  const HostSeen reused{"mx.example", kHost.hop, true};
  delivered.host = &reused;
  EXPECT_EQ(delivered_line(kSubject, delivered, false, usual),
            "1wLOs3-000008-0T -> a@b.example R=smart T=out H=mx.example [192.0.2.1]* K C=\"250- 3 byte chunk\\\\n250 "
            "\\\"quoted\\\"\"");
  LineSubject local = kSubject;
  EXPECT_EQ(delivered_line(local, {}, true, usual), "1wLOs3-000008-0T => a@b.example R=smart T=out");
  local.local_style = true;
  EXPECT_EQ(delivered_line(local, {}, true, usual), "1wLOs3-000008-0T => a <a@b.example> R=smart T=out");
}

TEST(LogLines, Deferred) {
  const config::LogSelectors usual;
  EXPECT_EQ(deferred_line(kSubject, problem(ProblemKind::refused, "", ECONNREFUSED), usual),
            "1wLOs3-000008-0T == a@b.example R=smart T=out defer (111): Connection refused");
  EXPECT_EQ(deferred_line(kSubject, problem(ProblemKind::rcpt_rejected, "SMTP error: 450 x"), usual),
            "1wLOs3-000008-0T == a@b.example R=smart T=out defer (-44) H=mx.example [192.0.2.1]: SMTP error: 450 x");
  LineSubject unrouted = kSubject;
  unrouted.router = unrouted.transport = "";
  Problem routing = problem(ProblemKind::routing, "why");
  routing.host.reset();
  EXPECT_EQ(deferred_line(unrouted, routing, usual), "1wLOs3-000008-0T == a@b.example routing defer (0): why");
}

TEST(LogLines, FailedAndOthers) {
  const config::LogSelectors usual;
  EXPECT_EQ(failed_line(kSubject, problem(ProblemKind::rcpt_rejected, "SMTP error: 550 x"), usual),
            "1wLOs3-000008-0T ** a@b.example R=smart T=out H=mx.example [192.0.2.1]: SMTP error: 550 x");
  Problem unrouteable;
  unrouteable.text = "Unrouteable address";
  EXPECT_EQ(failed_line({.id = "i", .address = "a@b", .router = "", .transport = ""}, unrouteable, usual),
            "i ** a@b: Unrouteable address");
  EXPECT_EQ(host_line("i", kHost, problem(ProblemKind::refused, "", ECONNREFUSED), usual),
            "i H=mx.example [192.0.2.1] Connection refused");
  EXPECT_EQ(host_line("i", kHost, problem(ProblemKind::timed_out, "SMTP timeout after EHLO gw", ETIMEDOUT), usual),
            "i H=mx.example [192.0.2.1]: SMTP timeout after EHLO gw: Connection timed out");
  EXPECT_EQ(bounce_line("new", "old", "mail", 812), "new <= <> R=old U=mail P=local S=812");
}

TEST(LogLines, StrangersBytesStayOnTheLine) {
  const config::LogSelectors usual;
  LineSubject subject = kSubject;
  subject.address = "a\n2026-01-01 00:00:00 x => fake@b\x1b";
  const std::string line = failed_line(subject, {}, usual);
  EXPECT_EQ(line.find('\n'), line.npos);
  EXPECT_EQ(line.find('\x1b'), line.npos);
}

}  // namespace
}  // namespace postern::delivery
