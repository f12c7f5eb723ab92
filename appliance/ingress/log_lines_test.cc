#include "appliance/ingress/log_lines.h"
#include "appliance/ingress/event_lines.h"
#include "appliance/ingress/header_texts.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/coro/manual_scheduler.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::ingress {
namespace {

using smtp::Decision;
using smtp::Phase;
using smtp::SessionEvent;
using smtp::SessionEventKind;

class LogLinesTest : public ::testing::Test {
 protected:
  LogLinesTest() {
    state_.endpoints.peer = {IpAddress::v4(0xc0000201), 40000};
    state_.helo = PeerText("client.example");
    state_.esmtp = true;
    smtp::ReversePath sender;
    sender.address = smtp::EnvelopeAddress("a@b.example", 9);
    envelope_.set_sender(sender);
  }
  std::string line(const SessionEvent& event, log::Stream expected, std::string_view id = {}) {
    log::LogLine out;
    const auto made = append_event(out, context(), event, &envelope_, id);
    EXPECT_TRUE(made.has_value());
    if (made) EXPECT_EQ(made->stream, expected);
    return out.text;
  }
  [[nodiscard]] LineContext context() const { return {state_, selectors_, "7-0-1"}; }
  // "+name -name"
  void select(std::string_view words) {
    expand::Diagnostics diagnostics;
    selectors_.apply(expand::ConfigTextForTest::line(std::string(words)), diagnostics);
    EXPECT_EQ(diagnostics.errors(), 0U);
  }
  [[nodiscard]] std::string arrival(const Arrival& arrival) const {
    log::LogLine out;
    append_arrival(out, context(), arrival);
    return out.text;
  }
  smtp::SessionState state_;
  smtp::Envelope envelope_;
  config::LogSelectors selectors_;
};

TEST_F(LogLinesTest, TheHostIsShownAsEximShowsIt) {
  struct Case {
    const char* helo;
    const char* full;
    const char* received;
  };
  for (const Case& c : {Case{"client.example", "(client.example) [192.0.2.1]", "[192.0.2.1] (helo=client.example)"},
                        Case{"", "[192.0.2.1]", "[192.0.2.1]"}, Case{"[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]"},
                        Case{"[192.0.2.9]", "([192.0.2.9]) [192.0.2.1]", "[192.0.2.1] (helo=[192.0.2.9])"},
                        Case{"a\nb", "(a\\nb) [192.0.2.1]", "[192.0.2.1] (helo=a\\nb)"}}) {
    state_.helo = PeerText(c.helo);
    std::string full, received;
    append_full_host(full, state_);
    append_received_host(received, state_);
    EXPECT_EQ(full, c.full);
    EXPECT_EQ(received, c.received);
  }
}

TEST_F(LogLinesTest, Arrival) {
  EXPECT_EQ(arrival({"1wlos3-000008-0T", envelope_, "x@y", 1234}),
            "1wlos3-000008-0T <= a@b.example H=(client.example) [192.0.2.1] P=esmtp S=1234 id=x@y");
  smtp::Envelope bounce;
  bounce.set_sender({});
  EXPECT_EQ(arrival({"1wlos3-000008-0T", bounce, "", 5}), "1wlos3-000008-0T <= <> H=(client.example) [192.0.2.1] P=esmtp S=5");
}

TEST_F(LogLinesTest, WhatSelectorsAddToArrivals) {
  state_.endpoints.local = {IpAddress::v4(0xc0000202), 25};
  state_.offered = smtp::usual_keywords();
  envelope_.add({.address = smtp::EnvelopeAddress("c@d.example", 9)});
  envelope_.add({.address = smtp::EnvelopeAddress("e@d.example", 9)});
  const Arrival whole{.id = "1wlos3-000008-0T",
                      .envelope = envelope_,
                      .message_id = "x@y",
                      .message_bytes = 1234,
                      .subject = "Hi \\\"you\\\"",
                      .has_subject = true,
                      .chunked = true,
                      .receive_time_us = 1'234'567};
  struct Case {
    const char* selected;
    const char* expected;
  };
  for (const Case& c : {
           Case{"", "H=(client.example) [192.0.2.1] P=esmtp K S=1234 id=x@y"},
           Case{"-msg_id", "H=(client.example) [192.0.2.1] P=esmtp K S=1234"},
           Case{"-msg_id +incoming_port", "H=(client.example) [192.0.2.1]:40000 P=esmtp K S=1234"},
           Case{"-msg_id +incoming_interface", "H=(client.example) [192.0.2.1] I=[192.0.2.2]:25 P=esmtp K S=1234"},
           Case{"-msg_id +connection_id", "H=(client.example) [192.0.2.1] Ci=7-0-1 P=esmtp K S=1234"},
           Case{"-msg_id +pipelining", "H=(client.example) [192.0.2.1] P=esmtp L- K S=1234"},
           Case{"-msg_id +8bitmime", "H=(client.example) [192.0.2.1] P=esmtp K S=1234 M8S=0"},
           Case{"-msg_id +receive_time", "H=(client.example) [192.0.2.1] P=esmtp K S=1234 RT=1s"},
           Case{"-msg_id +receive_time +millisec", "H=(client.example) [192.0.2.1] P=esmtp K S=1234 RT=1.234s"},
           Case{"+subject", "H=(client.example) [192.0.2.1] P=esmtp K S=1234 id=x@y T=\"Hi \\\"you\\\"\""},
           Case{"-msg_id +received_sender +received_recipients",
                "H=(client.example) [192.0.2.1] P=esmtp K S=1234 from <a@b.example> for c@d.example e@d.example"},
       }) {
    selectors_ = {};
    select(c.selected);
    EXPECT_EQ(arrival(whole), std::string("1wlos3-000008-0T <= a@b.example ") + c.expected) << c.selected;
  }
  state_.pipelining_used = true;
  select("+pipelining");
  EXPECT_NE(arrival(whole).find(" P=esmtp L K "), std::string::npos);
}

TEST_F(LogLinesTest, PartsOfAnArrivalAreToldApart) {
  log::LogLine line;
  append_arrival(line, context(), {"1wlos3-000008-0T", envelope_, "x@y", 1234});
  std::string fields;
  for (std::size_t i = 0; i < line.fields(); ++i)
    fields += std::string(line.at(i).name) + "=" + std::string(line.at(i).value) + "\n";
  EXPECT_EQ(line.event, "arrival");
  EXPECT_EQ(fields,
            "id=1wlos3-000008-0T\nsender=a@b.example\nhelo=client.example\nhost_address=192.0.2.1\nprotocol=esmtp\nsize=1234\n"
            "message_id=x@y\n");
}

TEST_F(LogLinesTest, ARefusedRecipientSaysWhoAndWhy) {
  state_.argument = PeerView("<x@y.example>");
  const smtp::Verdict verdict{Decision::deny, "relay not permitted", ""};
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::rcpt, .verdict = &verdict}, log::Stream::reject),
            "H=(client.example) [192.0.2.1] F=<a@b.example> rejected RCPT <x@y.example>: relay not permitted");
  // Exim names the sender in these two phases only.
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::data, .verdict = &verdict}, log::Stream::reject),
            "H=(client.example) [192.0.2.1] F=<a@b.example> rejected after DATA: relay not permitted");
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::predata, .verdict = &verdict}, log::Stream::reject),
            "H=(client.example) [192.0.2.1] rejected DATA: relay not permitted");
  const smtp::Verdict defer{Decision::defer, "later", "the reason for the log"};
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::data, .verdict = &defer}, log::Stream::reject,
                 "1wlos3-000008-0T"),
            "1wlos3-000008-0T H=(client.example) [192.0.2.1] F=<a@b.example> temporarily rejected after DATA: the reason for "
            "the log");
}

TEST_F(LogLinesTest, WhatAPeerSentStaysOnOneLine) {
  select("+smtp_syntax_error");
  state_.command = PeerView("MAIL\r\n2026-01-01 00:00:00 forged");
  for (const auto kind : {SessionEventKind::too_many_errors, SessionEventKind::syntax_error,
                          SessionEventKind::input_sent_too_soon, SessionEventKind::sender_unqualified}) {
    log::LogLine out;
    static_cast<void>(append_event(out, context(), {.kind = kind, .input = PeerView("x\ny")}, &envelope_, {}));
    EXPECT_NE(out.text, "");
    EXPECT_EQ(out.text.find('\n'), std::string::npos) << out.text;
    EXPECT_EQ(out.text.find('\r'), std::string::npos) << out.text;
  }
}

TEST_F(LogLinesTest, LinesThatSelectorsTurnOnAndOff) {
  ManualScheduler scheduler;
  state_.command = PeerView("FROB");
  state_.connected_at = Scheduler::current().now();
  struct Case {
    const char* selector;
    bool usual;
    SessionEvent event;
    const char* line;
  };
  const auto event = [](SessionEventKind kind, std::string_view text = {}) { return SessionEvent{.kind = kind, .text = text}; };
  for (const Case& c : {
           Case{"smtp_syntax_error", false, event(SessionEventKind::syntax_error, "no"),
                "SMTP syntax error in \"FROB\" H=(client.example) [192.0.2.1] no"},
           Case{"smtp_protocol_error", false, event(SessionEventKind::protocol_error, "no"),
                "SMTP protocol error in \"FROB\" H=(client.example) [192.0.2.1] no"},
           Case{"smtp_connection", false, event(SessionEventKind::closed_by_quit),
                "SMTP connection from (client.example) [192.0.2.1] closed by QUIT"},
           Case{"smtp_connection", false, event(SessionEventKind::closed_by_drop),
                "SMTP connection from (client.example) [192.0.2.1] closed by DROP in ACL"},
           Case{"smtp_incomplete_transaction", false, event(SessionEventKind::incomplete_transaction, "RSET"),
                "H=(client.example) [192.0.2.1] incomplete transaction (RSET) from <a@b.example>"},
           Case{"lost_incoming_connection", true, event(SessionEventKind::lost),
                "unexpected disconnection while reading SMTP command from (client.example) [192.0.2.1] D=0s"},
           Case{"size_reject", true, event(SessionEventKind::message_too_large),
                "H=(client.example) [192.0.2.1] F=<a@b.example> rejected: message too big: read=0 max=0"},
       }) {
    for (const bool on : {true, false}) {
      selectors_ = {};
      if (on != c.usual) select(std::string(on ? "+" : "-") + c.selector);
      log::LogLine out;
      const auto made = append_event(out, context(), c.event, &envelope_, {});
      EXPECT_EQ(made.has_value(), on) << c.selector;
      if (on) EXPECT_EQ(out.text, c.line);
    }
  }
}

TEST_F(LogLinesTest, AConnectionWithoutMail) {
  ManualScheduler scheduler;
  state_.connected_at = Scheduler::current().now();
  for (const smtp::Verb verb : {smtp::Verb::ehlo, smtp::Verb::noop, smtp::Verb::quit}) state_.history.add(verb);
  log::LogLine few;
  append_no_mail(few, context());
  EXPECT_EQ(few.text, "no MAIL in SMTP connection from (client.example) [192.0.2.1] D=0s C=EHLO,NOOP,QUIT");
  for (int i = 0; i < 20; ++i) state_.history.add(smtp::Verb::noop);
  log::LogLine many;
  append_no_mail(many, context());
  std::string commands = "C=...";
  for (int i = 0; i < 20; ++i) commands += ",NOOP";
  EXPECT_TRUE(many.text.ends_with(commands)) << many.text;
}

TEST_F(LogLinesTest, VerdictsAsEximWritesThem) {
  using smtp::Decision;
  using smtp::Phase;
  state_.argument = PeerView("<c@d.example>");
  const auto said = [this](Phase phase, const smtp::Verdict& verdict) {
    return line({.kind = SessionEventKind::rejected, .phase = phase, .verdict = &verdict}, log::Stream::reject);
  };
  constexpr std::string_view kHost = "H=(client.example) [192.0.2.1] ";
  EXPECT_EQ(said(Phase::rcpt, {Decision::deny, "one\ntwo", {}}),
            std::string(kHost) + "F=<a@b.example> rejected RCPT <c@d.example>: one");
  EXPECT_EQ(said(Phase::mail, {Decision::defer, "one", "two"}),
            std::string(kHost) + "temporarily rejected MAIL <c@d.example>: two");
  EXPECT_EQ(said(Phase::predata, {Decision::deny, {}, {}}), std::string(kHost) + "rejected DATA");
  EXPECT_EQ(said(Phase::rcpt, {Decision::discard, {}, "why"}),
            std::string(kHost) + "F=<a@b.example> RCPT <c@d.example>: discarded by RCPT ACL: why");
  EXPECT_EQ(said(Phase::mail, {Decision::discard, {}, {}}),
            std::string(kHost) + "F=<a@b.example> RCPT <c@d.example>: discarded by MAIL ACL");
  const smtp::Verdict gone{Decision::discard, {}, "why"};
  EXPECT_EQ(line({.kind = SessionEventKind::discarded, .phase = Phase::data, .verdict = &gone}, log::Stream::main, "ID"),
            "ID => blackhole (DATA ACL discarded recipients): why");
}

TEST_F(LogLinesTest, EtrnAndWhatOnlyTheClientIsTold) {
  log::LogLine out;
  append_etrn(out, context(), PeerView("#x"));
  EXPECT_EQ(out.text, "ETRN #x received from (client.example) [192.0.2.1]");
  Arrival refused{"ID", envelope_, "x@y", 1};
  refused.refused = true;
  EXPECT_EQ(arrival(refused), "ID (= a@b.example H=(client.example) [192.0.2.1] P=esmtp S=1 id=x@y");
  const SessionEvent event{.kind = SessionEventKind::recipient_unqualified, .input = PeerView("box"), .text = "verify"};
  EXPECT_EQ(line(event, log::Stream::reject), "unqualified verify rejected: <box> H=(client.example) [192.0.2.1]");
}

TEST_F(LogLinesTest, TheHeaderOfARefusedMessage) {
  envelope_.add({.address = smtp::EnvelopeAddress("c@d.example", 9)});
  envelope_.add({.address = smtp::EnvelopeAddress("e@d.example", 9)});
  std::string out = "line";
  append_rejected_header(out, envelope_, "From: x\r\nSubject: a\r\n\tb\x1b\r\nnot a field\r\n\r\n");
  EXPECT_EQ(out,
            "line\nEnvelope-from: <a@b.example>\nEnvelope-to: <c@d.example>\n    <e@d.example>\nF From: x\n  Subject: a\n"
            "\tb\\033\n  not a field");
  out.clear();
  append_rejected_header(out, envelope_, std::string(200'000, 'x') + "\r\n\r\n");
  EXPECT_LT(out.size(), 20'000U);
}

}  // namespace
}  // namespace postern::ingress
