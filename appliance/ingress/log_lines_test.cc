#include "appliance/ingress/log_lines.h"

#include <gtest/gtest.h>

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
    std::string out;
    const auto made = append_event(out, state_, event, &envelope_, id);
    EXPECT_TRUE(made.has_value());
    if (made) EXPECT_EQ(made->stream, expected);
    return out;
  }
  smtp::SessionState state_;
  smtp::Envelope envelope_;
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
  std::string out;
  append_arrival(out, state_, {"1wlos3-000008-0T", envelope_, "x@y", 1234});
  EXPECT_EQ(out, "1wlos3-000008-0T <= a@b.example H=(client.example) [192.0.2.1] P=esmtp S=1234 id=x@y");
  out.clear();
  smtp::Envelope bounce;
  bounce.set_sender({});
  append_arrival(out, state_, {"1wlos3-000008-0T", bounce, "", 5});
  EXPECT_EQ(out, "1wlos3-000008-0T <= <> H=(client.example) [192.0.2.1] P=esmtp S=5");
}

TEST_F(LogLinesTest, ARefusedRecipientSaysWhoAndWhy) {
  state_.argument = PeerView("<x@y.example>");
  const smtp::Verdict verdict{Decision::deny, "relay not permitted", ""};
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::rcpt, .verdict = &verdict}, log::Stream::reject),
            "H=(client.example) [192.0.2.1] F=<a@b.example> rejected RCPT <x@y.example>: relay not permitted");
  const smtp::Verdict defer{Decision::defer, "later", "the reason for the log"};
  EXPECT_EQ(line({.kind = SessionEventKind::rejected, .phase = Phase::data, .verdict = &defer}, log::Stream::reject,
                 "1wlos3-000008-0T"),
            "1wlos3-000008-0T H=(client.example) [192.0.2.1] F=<a@b.example> temporarily rejected after DATA: the reason for "
            "the log");
}

TEST_F(LogLinesTest, WhatAPeerSentStaysOnOneLine) {
  state_.command = PeerView("MAIL\r\n2026-01-01 00:00:00 forged");
  for (const auto kind : {SessionEventKind::too_many_errors, SessionEventKind::syntax_error,
                          SessionEventKind::input_sent_too_soon, SessionEventKind::sender_unqualified}) {
    std::string out;
    static_cast<void>(append_event(out, state_, {.kind = kind, .input = PeerView("x\ny")}, &envelope_, {}));
    EXPECT_EQ(out.find('\n'), std::string::npos) << out;
    EXPECT_EQ(out.find('\r'), std::string::npos) << out;
  }
}

TEST_F(LogLinesTest, SomeEventsAreNotForTheLog) {
  std::string out;
  EXPECT_FALSE(append_event(out, state_, {.kind = SessionEventKind::closed_by_quit}, &envelope_, {}).has_value());
}

}  // namespace
}  // namespace postern::ingress
