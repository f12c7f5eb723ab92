#include "appliance/delivery/log_lines.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "policy/expand/config_text_for_test.h"

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

// "+name -name"
config::LogSelectors selected(std::string_view words) {
  config::LogSelectors selectors;
  expand::Diagnostics diagnostics;
  selectors.apply(expand::ConfigTextForTest::line(std::string(words)), diagnostics);
  EXPECT_EQ(diagnostics.errors(), 0U);
  return selectors;
}

TEST(LogLines, Delivered) {
  const config::LogSelectors usual;
  Delivered delivered{.recipients = {}, .host = &kHost, .confirmation = "250 OK id=1"};
  EXPECT_EQ(delivered_line(kSubject, delivered, true, {}, usual).text,
            "1wLOs3-000008-0T => a@b.example R=smart T=out H=mx.example [192.0.2.1] C=\"250 OK id=1\"");
  delivered.chunked = true;
  delivered.confirmation = "250- 3 byte chunk\\n250 \"quoted\"";
  const HostSeen reused{"mx.example", kHost.hop, true};
  delivered.host = &reused;
  EXPECT_EQ(delivered_line(kSubject, delivered, false, {}, usual).text,
            "1wLOs3-000008-0T -> a@b.example R=smart T=out H=mx.example [192.0.2.1]* K C=\"250- 3 byte chunk\\\\n250 "
            "\\\"quoted\\\"\"");
  LineSubject local = kSubject;
  EXPECT_EQ(delivered_line(local, {}, true, {}, usual).text, "1wLOs3-000008-0T => a@b.example R=smart T=out");
  local.local_style = true;
  EXPECT_EQ(delivered_line(local, {}, true, {}, usual).text, "1wLOs3-000008-0T => a <a@b.example> R=smart T=out");
}

TEST(LogLines, Deferred) {
  const config::LogSelectors usual;
  EXPECT_EQ(deferred_line(kSubject, problem(ProblemKind::refused, "", ECONNREFUSED), usual)->text,
            "1wLOs3-000008-0T == a@b.example R=smart T=out defer (111): Connection refused");
  EXPECT_EQ(deferred_line(kSubject, problem(ProblemKind::rcpt_rejected, "SMTP error: 450 x"), usual)->text,
            "1wLOs3-000008-0T == a@b.example R=smart T=out defer (-44) H=mx.example [192.0.2.1]: SMTP error: 450 x");
  LineSubject unrouted = kSubject;
  unrouted.router = unrouted.transport = "";
  Problem routing = problem(ProblemKind::routing, "why");
  routing.host.reset();
  EXPECT_EQ(deferred_line(unrouted, routing, usual)->text, "1wLOs3-000008-0T == a@b.example routing defer (0): why");
}

TEST(LogLines, FailedAndOthers) {
  const config::LogSelectors usual;
  EXPECT_EQ(failed_line(kSubject, problem(ProblemKind::rcpt_rejected, "SMTP error: 550 x"), usual).text,
            "1wLOs3-000008-0T ** a@b.example R=smart T=out H=mx.example [192.0.2.1]: SMTP error: 550 x");
  Problem unrouteable;
  unrouteable.text = "Unrouteable address";
  EXPECT_EQ(failed_line({.id = "i", .address = "a@b", .router = "", .transport = ""}, unrouteable, usual).text,
            "i ** a@b: Unrouteable address");
  EXPECT_EQ(host_line("i", kHost, problem(ProblemKind::refused, "", ECONNREFUSED), usual).text,
            "i H=mx.example [192.0.2.1] Connection refused");
  EXPECT_EQ(host_line("i", kHost, problem(ProblemKind::timed_out, "SMTP timeout after EHLO gw", ETIMEDOUT), usual).text,
            "i H=mx.example [192.0.2.1]: SMTP timeout after EHLO gw: Connection timed out");
  EXPECT_EQ(bounce_line("new", "old", "mail", 812, "a@b.example", usual).text, "new <= <> R=old U=mail P=local S=812");
}

TEST(LogLines, WhatSelectorsAdd) {
  LineSubject subject = kSubject;
  subject.sender = "s@b.example";
  subject.return_path = "p@b.example";
  const Delivered delivered{
      .recipients = {}, .host = &kHost, .confirmation = "250 OK", .chunked = true, .pipelined = true, .bytes = 812};
  const LineTimes times{61'000'000, 1'234'000};
  struct Case {
    const char* selected;
    const char* expected;
  };
  for (const Case& c :
       {Case{"", "R=smart T=out H=mx.example [192.0.2.1] K C=\"250 OK\""},
        Case{"+sender_on_delivery", "F=<s@b.example> R=smart T=out H=mx.example [192.0.2.1] K C=\"250 OK\""},
        Case{"+return_path_on_delivery", "P=<p@b.example> R=smart T=out H=mx.example [192.0.2.1] K C=\"250 OK\""},
        Case{"+delivery_size -smtp_confirmation", "R=smart T=out S=812 H=mx.example [192.0.2.1] K"},
        Case{"+outgoing_port -smtp_confirmation", "R=smart T=out H=mx.example [192.0.2.1]:2525 K"},
        Case{"+pipelining -smtp_confirmation", "R=smart T=out H=mx.example [192.0.2.1] L K"},
        Case{"+queue_time +deliver_time", "R=smart T=out H=mx.example [192.0.2.1] K C=\"250 OK\" QT=1m1s DT=1s"},
        Case{"+queue_time +deliver_time +millisec", "R=smart T=out H=mx.example [192.0.2.1] K C=\"250 OK\" QT=1m1s DT=1.234s"}})
    EXPECT_EQ(delivered_line(subject, delivered, true, times, selected(c.selected)).text,
              std::string("1wLOs3-000008-0T => a@b.example ") + c.expected)
        << c.selected;
  EXPECT_EQ(completed_line("i", 61'000'000, selected("")).text, "i Completed");
  EXPECT_EQ(completed_line("i", 61'000'000, selected("+queue_time_overall")).text, "i Completed QT=1m1s");
  EXPECT_EQ(bounce_line("new", "old", "mail", 812, "a@b.example", selected("+received_sender +received_recipients")).text,
            "new <= <> R=old U=mail P=local S=812 from <> for a@b.example");
}

TEST(LogLines, AHostThatRestsIsToldOfWhereWanted) {
  const Problem resting = problem(ProblemKind::host_resting, "retry time not reached for any host");
  EXPECT_TRUE(deferred_line(kSubject, resting, selected("")).has_value());
  EXPECT_FALSE(deferred_line(kSubject, resting, selected("-retry_defer")).has_value());
  EXPECT_TRUE(deferred_line(kSubject, problem(ProblemKind::refused, "no"), selected("-retry_defer")).has_value());
}

TEST(LogLines, StrangersBytesStayOnTheLine) {
  const config::LogSelectors usual;
  LineSubject subject = kSubject;
  subject.address = "a\n2026-01-01 00:00:00 x => fake@b\x1b";
  const std::string line = failed_line(subject, {}, usual).text;
  EXPECT_EQ(line.find('\n'), line.npos);
  EXPECT_EQ(line.find('\x1b'), line.npos);
}

}  // namespace
}  // namespace postern::delivery
