// What dialogues do not show: time, lost connections, hooks that wait, the end of the service, memory.
#include "engine/smtp/session.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/smtp/dialogue_testing.h"

namespace postern::smtp {
namespace {

constexpr std::string_view kEnvelope = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n";
constexpr std::string_view kEnvelopeReplies = "250 2.1.0 OK\r\n250 2.1.5 Accepted\r\n";
constexpr std::string_view kEnterMessage = "354 Enter message, ending with \".\" on a line by itself\r\n";

void start_data(TestSession& t) {
  t.greet();
  EXPECT_EQ(t.say(std::string(kEnvelope) + "DATA\r\n"), std::string(kEnvelopeReplies).append(kEnterMessage));
}

TEST(SessionTime, CommandMustCome) {
  TestSession t;
  t.greet();
  EXPECT_EQ(t.after_ms(299'000), "");
  EXPECT_EQ(t.after_ms(2'000), "421 4.4.2 mx.example: SMTP command timeout - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::command_timeout));
  EXPECT_EQ(t.hooks.count("notquit command-timeout"), 1U);
}

TEST(SessionTime, CommandMustBeCompleteInTime) {
  TestSession t;
  t.greet();
  std::string told;
  for (int i = 0; i < 6 && told.empty(); ++i) {
    t.peer.send("N");
    told = t.after_ms(60'000);
  }
  EXPECT_EQ(told, "421 4.4.2 mx.example: SMTP command timeout - closing connection\r\n");
}

TEST(SessionTime, EachCommandHasItsOwnTime) {
  TestSession t;
  t.limits.smtp_accept_max_nonmail = 100;
  t.greet();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(t.after_ms(290'000), "");
    EXPECT_EQ(t.say("NOOP\r\n"), "250 2.0.0 OK\r\n");
  }
}

TEST(SessionTime, DataMustCome) {
  TestSession t;
  start_data(t);
  EXPECT_EQ(t.after_ms(301'000), "421 4.4.2 mx.example SMTP incoming data timeout - closing connection.\r\n");
  t.scheduler.advance_ms(1000);
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.messages[0]->aborted);
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::data_timeout));
  EXPECT_EQ(t.hooks.count("notquit data-timeout"), 1U);
}

// A byte a minute: no read ever times out, and yet it ends.
TEST(SessionTime, DataMustKeepUpARate) {
  TestSession t;
  start_data(t);
  std::string told;
  int minutes = 0;
  for (; minutes < 60 && told.empty(); ++minutes) {
    t.peer.send("x");
    told = t.after_ms(60'000);
  }
  EXPECT_EQ(told, "421 4.4.2 mx.example SMTP incoming data timeout - closing connection.\r\n");
  EXPECT_EQ(minutes, 10);
}

TEST(SessionTime, DataThatKeepsUpItsRateMayTakeLong) {
  TestSession t;
  start_data(t);
  t.say("\r\n");
  const std::string minute_of_text = std::string(60'000, 'x') + "\r\n";
  for (int minutes = 0; minutes < 30; ++minutes) {
    t.peer.send(minute_of_text);
    ASSERT_EQ(t.after_ms(60'000), "") << minutes;
  }
  EXPECT_EQ(t.say(".\r\n"), "250 2.0.0 OK id=id-1\r\n");
}

TEST(SessionTime, ChunksAreOneMessageAsFarAsTimeGoes) {
  TestSession t;
  t.greet();
  t.say(kEnvelope);
  std::string told;
  int chunks = 0;
  for (; chunks < 60; ++chunks) {
    told = t.say("BDAT 1\r\nx");
    if (told != "250 2.0.0 1 byte chunk received\r\n") break;
    told = t.after_ms(100'000);
    if (!told.empty()) break;
  }
  EXPECT_EQ(told, "421 4.4.2 mx.example: SMTP command timeout - closing connection\r\n");
  EXPECT_EQ(chunks, 5);
}

TEST(SessionTime, RepliesMustBeRead) {
  TestSession t;
  t.greet();
  t.peer.stop_reading();
  t.limits.smtp_accept_max_nonmail = 100'000;
  std::string pipeline;
  for (int i = 0; i < 1000; ++i) pipeline += "RSET\r\n";
  t.peer.send(pipeline);
  t.scheduler.run();
  EXPECT_FALSE(t.has_ended());
  EXPECT_EQ(t.pool.used_bytes(), 1024U) << "the line that is worked on, and nothing else";
  t.scheduler.advance_ms(121'000);
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::send_timeout));
  EXPECT_TRUE(t.peer.is_closed());
}

TEST(SessionTime, WhoReadsInTheEndIsAnsweredInFull) {
  TestSession t;
  t.limits.smtp_accept_max_nonmail = 100'000;
  t.greet();
  t.peer.stop_reading();
  std::string pipeline;
  std::string replies;
  for (int i = 0; i < 1000; ++i) {
    pipeline += "RSET\r\n";
    replies += "250 2.0.0 Reset OK\r\n";
  }
  t.peer.send(pipeline);
  t.scheduler.advance_ms(60'000);
  t.peer.read_again();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), replies);
  EXPECT_FALSE(t.has_ended());
}

TEST(SessionLoss, WhileNothingGoesOn) {
  TestSession t;
  t.greet();
  t.peer.fail_input(Errc::closed);
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "421 4.4.2 mx.example lost input connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_EQ(t.hooks.events, std::vector<SessionEventKind>{SessionEventKind::lost});
  EXPECT_EQ(t.hooks.count("notquit connection-lost"), 1U);
  EXPECT_EQ(t.hooks.count("reset"), 0U);
}

TEST(SessionLoss, InATransaction) {
  TestSession t;
  t.greet();
  t.say(kEnvelope);
  t.peer.fail_input(Errc::reset);
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "");
  EXPECT_TRUE(t.has_ended());
  EXPECT_EQ(t.hooks.events, (std::vector<SessionEventKind>{SessionEventKind::incomplete_transaction, SessionEventKind::lost}));
  EXPECT_EQ(t.hooks.count("reset"), 1U);
}

TEST(SessionLoss, InTheData) {
  TestSession t;
  start_data(t);
  t.say("A: b\r\n\r\nbody\r\n.");
  t.peer.fail_input(Errc::closed);
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "421 4.4.2 Lost incoming connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.messages[0]->aborted);
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::lost_in_data));
  EXPECT_EQ(t.hooks.count("data"), 0U);
}

// The message is durable by then: it is delivered, and the client will send it again.
TEST(SessionLoss, BehindTheFinalDot) {
  Event committed;
  TestSession t;
  t.hooks.sink_settings.commit_waits_for = &committed;
  start_data(t);
  t.peer.send("x\r\n.\r\n");
  t.scheduler.run();
  t.peer.fail_input(Errc::reset);
  t.peer.fail_output(Errc::reset);
  t.scheduler.run();
  EXPECT_FALSE(t.has_ended()) << "a commit is awaited, whatever the peer does";
  committed.set();
  t.scheduler.run();
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.messages[0]->committed);
  EXPECT_EQ(t.hooks.count("accepted id-1"), 1U);
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::lost_after_data));
}

TEST(SessionLoss, EverythingSentBeforeTheEndIsAnswered) {
  TestSession t;
  start_data(t);
  t.peer.send("x\r\n.\r\nQUIT\r\n");
  t.peer.fail_input(Errc::closed);
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "250 2.0.0 OK id=id-1\r\n221 2.0.0 mx.example closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::closed_by_quit));
}

TEST(SessionHooksThatWait, GetTheSameDialogue) {
  Event answer;
  TestSession t;
  t.hooks.waits_for = &answer;
  t.start();
  EXPECT_EQ(t.peer.received(), "");
  const auto answered = [&] {
    answer.set();
    t.scheduler.run();
    answer.clear();
    return t.peer.received();
  };
  EXPECT_EQ(answered(), "220 mx.example ESMTP\r\n");
  EXPECT_EQ(t.say("EHLO client.example\r\n"), "");
  EXPECT_TRUE(answered().ends_with("250 HELP\r\n"));
  EXPECT_EQ(t.say(kEnvelope), "");
  EXPECT_EQ(t.peer.pinned_bytes(), 1024U) << "the rest of the pipeline";
  answer.set();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), kEnvelopeReplies);
  EXPECT_EQ(t.say("DATA\r\n"), kEnterMessage);
  EXPECT_EQ(t.say("x\r\n.\r\n"), "250 2.0.0 OK id=id-1\r\n");
}

TEST(SessionHooksThatWait, CatchWhatComesTooSoon) {
  Event answer;
  TestSession t;
  t.greet();
  t.say(kEnvelope);
  t.hooks.waits_for = &answer;
  EXPECT_EQ(t.say("DATA\r\n"), "");
  EXPECT_EQ(t.say("Subject: impatient\r\n"), "");
  answer.set();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "554 5.5.0 SMTP synchronization error\r\n");
  EXPECT_EQ(t.hooks.count("open"), 0U);
}

TEST(SessionHooksThatWait, MayBeAheadOfTheClientInAPipeline) {
  Event answer;
  TestSession t;
  t.greet();
  t.hooks.waits_for = &answer;
  EXPECT_EQ(t.say("MAIL FROM:<a@example.org>\r\n"), "");
  EXPECT_EQ(t.say("RCPT TO:<b@example.net>\r\n"), "");
  answer.set();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), kEnvelopeReplies);
}

TEST(SessionHooksThatWait, SeeAnEndOfInputAsNoInput) {
  Event answer;
  TestSession t;
  t.greet();
  t.say(kEnvelope);
  t.hooks.waits_for = &answer;
  t.peer.send("DATA\r\n");
  t.peer.fail_input(Errc::closed);
  t.scheduler.run();
  answer.set();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), std::string(kEnterMessage) + "421 4.4.2 Lost incoming connection\r\n");
}

Task<void> check_until_stopped(StopSource& stop, std::vector<std::string>& log, std::string name) {
  Event never;
  static_cast<void>(co_await never.wait({Instant::never(), &stop}));
  log.push_back(std::move(name));
}

TEST(SessionChecks, EndWithTheirScope) {
  std::vector<std::string> ended;
  TestSession t;
  t.hooks.on_options = [&](SessionState& state, SessionOptions&) {
    state.connection_checks.start(check_until_stopped(state.connection_checks.stop(), ended, "connection"));
  };
  t.hooks.on_mail = [&] {
    SessionState& state = t.hooks.state();
    state.transaction_checks.start(check_until_stopped(state.transaction_checks.stop(), ended, "transaction"));
    return Verdict{};
  };
  t.greet();
  t.say(std::string(kEnvelope) + "RSET\r\n");
  EXPECT_EQ(ended, std::vector<std::string>{"transaction"});
  t.say(std::string(kEnvelope) + "DATA\r\n");
  EXPECT_EQ(ended.size(), 1U);
  t.say("x\r\n.\r\n");
  EXPECT_EQ(ended.size(), 2U);
  t.say(kEnvelope);
  t.say("QUIT\r\n");
  EXPECT_EQ(ended, (std::vector<std::string>{"transaction", "transaction", "transaction", "connection"}));
  EXPECT_TRUE(t.has_ended());
}

TEST(SessionStop, EndsIdleSessionsAtOnce) {
  TestSession t;
  t.greet();
  t.draining.request_stop();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "421 4.3.2 mx.example: Service not available - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.saw(SessionEventKind::closed_by_stop));
  EXPECT_EQ(t.hooks.count("notquit signal-exit"), 1U);
}

TEST(SessionStop, LetsAnOpenTransactionEndAndTakesNoOther) {
  TestSession t;
  start_data(t);
  t.draining.request_stop();
  t.scheduler.run();
  EXPECT_EQ(t.after_ms(5'000), "");
  EXPECT_EQ(t.say(std::string("x\r\n.\r\n").append(kEnvelope)),
            "250 2.0.0 OK id=id-1\r\n421 4.3.2 mx.example: Service not available - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_EQ(t.hooks.count("mail"), 1U);
}

TEST(SessionStop, WaitsOnlySoLong) {
  for (const bool in_data : {false, true}) {
    TestSession t;
    if (in_data)
      start_data(t);
    else
      t.greet(), t.say(kEnvelope);
    t.draining.request_stop();
    t.scheduler.run();
    EXPECT_EQ(t.after_ms(9'900), "");
    EXPECT_EQ(t.after_ms(200), "421 4.3.2 mx.example: Service not available - closing connection\r\n");
    EXPECT_TRUE(t.has_ended());
    EXPECT_EQ(t.hooks.messages.size(), in_data ? 1U : 0U);
  }
}

TEST(SessionStop, SecondRequestCutsOpenTransactions) {
  TestSession t;
  start_data(t);
  t.draining.request_stop();
  t.scheduler.run();
  EXPECT_FALSE(t.has_ended());
  t.stopping.request_stop();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "421 4.3.2 mx.example: Service not available - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.hooks.messages[0]->aborted);
}

TEST(SessionStop, CommitsInFlightAreAnswered) {
  Event committed;
  TestSession t;
  t.hooks.sink_settings.commit_waits_for = &committed;
  start_data(t);
  t.peer.send("x\r\n.\r\n");
  t.scheduler.run();
  t.draining.request_stop();
  t.stopping.request_stop();
  t.scheduler.run();
  EXPECT_FALSE(t.has_ended());
  committed.set();
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "250 2.0.0 OK id=id-1\r\n421 4.3.2 mx.example: Service not available - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
}

TEST(SessionStop, NewSessionsAreTurnedAway) {
  TestSession t;
  t.draining.request_stop();
  t.start();
  EXPECT_EQ(t.peer.received(), "220 mx.example ESMTP\r\n421 mx.example: Service not available - closing connection\r\n");
  EXPECT_TRUE(t.has_ended());
}

// As STARTTLS will: the hook's answer is the first thing said on the new stream.
TEST(SessionStream, IsReplacedInMidSession) {
  TestSession t;
  t.hooks.on_etrn = [&] {
    t.session->wrap_stream([&](std::unique_ptr<Stream> old) { return t.peer.make_stream(true, std::move(old)); });
    return Verdict{};
  };
  const auto inverted = [](std::string text) {
    for (char& c : text) c = static_cast<char>(~c);
    return text;
  };
  t.greet();
  EXPECT_EQ(t.say("ETRN #x\r\n"), inverted("250 2.0.0 OK\r\n"));
  EXPECT_EQ(t.say(inverted(std::string(kEnvelope) + "DATA\r\n")),
            inverted(std::string(kEnvelopeReplies).append(kEnterMessage)));
  EXPECT_EQ(t.say(inverted("secret\r\n.\r\n")), inverted("250 2.0.0 OK id=id-1\r\n"));
  EXPECT_EQ(t.say(inverted("QUIT\r\n")), inverted("221 2.0.0 mx.example closing connection\r\n"));
  EXPECT_TRUE(t.has_ended());
  EXPECT_EQ(t.hooks.messages[0]->text, "secret\r\n");
}

TEST(SessionStream, IsNotReplacedWhileInputWaits) {
  TestSession t;
  t.options.enforce_sync = false;
  t.hooks.on_etrn = [&] {
    EXPECT_TRUE(t.session->has_input());
    EXPECT_DEATH(t.session->wrap_stream([](std::unique_ptr<Stream> old) { return old; }), "has_input");
    return Verdict{};
  };
  t.greet();
  t.say("ETRN #x\r\nNOOP\r\n");
}

TEST(SessionTurns, APipelineIsAnsweredInOneWrite) {
  TestSession t;
  t.greet();
  const std::size_t before = t.peer.writes();
  t.say(std::string(kEnvelope) + "RCPT TO:<c@example.net>\r\nDATA\r\n");
  EXPECT_EQ(t.peer.writes(), before + 1);
  t.say(std::string("x\r\n.\r\n").append(kEnvelope) + "DATA\r\n");
  EXPECT_EQ(t.peer.writes(), before + 2);
}

TEST(SessionTurns, OthersGetTheirTurn) {
  TestSession t;
  t.greet();
  std::string pipeline(kEnvelope);
  for (int i = 0; i < 40; ++i) pipeline += "RCPT TO:<c@example.net>\r\n";
  t.peer.send(pipeline);
  std::size_t done_when_other_ran = 0;
  struct Other {
    static Task<void> run(TestSession& t, std::size_t& done) {
      co_await Yield{};
      done = t.hooks.count("rcpt");
    }
  };
  Gate gate;
  gate.start(Other::run(t, done_when_other_ran));
  t.scheduler.run();
  EXPECT_EQ(done_when_other_ran, 15U);
  EXPECT_EQ(t.hooks.count("rcpt"), 41U);
}

TEST(SessionTurns, OthersGetTheirTurnWhileDataArrives) {
  TestSession t;
  start_data(t);
  t.say("\r\n");
  for (int i = 0; i < 10; ++i) t.peer.send(std::string(10'000, 'x'));
  std::size_t taken_when_other_ran = 0;
  struct Other {
    static Task<void> run(TestSession& t, std::size_t& taken) {
      co_await Yield{};
      taken = t.hooks.tapped.size();
    }
  };
  Gate gate;
  gate.start(Other::run(t, taken_when_other_ran));
  t.scheduler.run();
  EXPECT_EQ(taken_when_other_ran, 70'000U);
  EXPECT_EQ(t.hooks.tapped.size(), 100'000U);
}

TEST(SessionTurns, LargeBuffersAreAskedForOnlyWhileDataArrives) {
  TestSession t;
  start_data(t);
  EXPECT_TRUE(t.peer.is_bulk());
  t.say("x\r\n.\r\n");
  EXPECT_FALSE(t.peer.is_bulk());
}

TEST(SessionMemory, IdleSessionsHoldNone) {
  TestSession t;
  t.greet();
  EXPECT_EQ(t.pool.used_bytes(), 0U);
  EXPECT_EQ(t.peer.pinned_bytes(), 0U);
  t.say("NO");
  EXPECT_EQ(t.pool.used_bytes(), 1024U) << "a partial line is copied";
  EXPECT_EQ(t.peer.pinned_bytes(), 0U);
  t.say("OP\r\n");
  EXPECT_EQ(t.pool.used_bytes(), 0U);
  EXPECT_LE(sizeof(Session), 1024U);
}

TEST(SessionMemory, BodyBytesAreNotCopied) {
  BlockPool buffers;
  TestSession t;
  start_data(t);
  const Slice wire = copy_to_slice(buffers, "A: b\r\n\r\n0123456789\r\n.\r\n");
  const char* seen = nullptr;
  t.hooks.on_headers = [&](const HeaderView& headers) { seen = headers.block().view().data(); };
  t.peer.send(wire);
  t.scheduler.run();
  EXPECT_EQ(t.peer.received(), "250 2.0.0 OK id=id-1\r\n");
  EXPECT_EQ(seen, wire.data());
}

TEST(SessionMemory, ScarceBuffersAreToBeCopied) {
  TestSession t;
  start_data(t);
  t.say("one\r\n");
  EXPECT_EQ(t.hooks.messages[0]->copies_asked, 0U);
  t.peer.set_scarce(true);
  t.say("two\r\n");
  EXPECT_EQ(t.hooks.messages[0]->copies_asked, 1U);
}

TEST(SessionMemory, RefusedMessagesHoldNone) {
  TestSession t;
  start_data(t);
  t.limits.message_size_limit = 5000;
  t.say(std::string(4000, 'x'));
  EXPECT_EQ(t.peer.pinned_bytes(), 4096U);
  t.say(std::string(4000, 'x'));
  EXPECT_EQ(t.peer.pinned_bytes(), 0U);
  EXPECT_TRUE(t.hooks.messages[0]->aborted);
  EXPECT_EQ(t.say("\r\n.\r\n"), "552 5.3.4 Message size exceeds maximum permitted\r\n");
}

TEST(SessionHeaders, AreCompleteBeforeTheBodyIs) {
  TestSession t;
  std::string subject;
  t.hooks.on_headers = [&](const HeaderView& headers) { subject = headers.find("subject")->trimmed().view(); };
  start_data(t);
  t.say("From: a\r\nSub");
  t.say("ject: split\r\n\r");
  EXPECT_EQ(t.hooks.count("headers"), 0U);
  t.say("\nbo");
  EXPECT_EQ(t.hooks.count("headers"), 1U);
  EXPECT_EQ(subject, "split");
  EXPECT_EQ(t.hooks.tapped, "bo");
  t.say("dy\r\n.\r\n");
  EXPECT_EQ(t.hooks.tapped, "body\r\n");
}

TEST(SessionHeaders, NeedNoEnd) {
  TestSession t;
  start_data(t);
  EXPECT_EQ(t.say("Subject: all header\r\n.\r\n"), "250 2.0.0 OK id=id-1\r\n");
  EXPECT_EQ(t.hooks.count("headers"), 1U);
  EXPECT_EQ(t.hooks.tapped, "");
}

TEST(SessionAdditions, GoOnTop) {
  TestSession t;
  t.hooks.top = "Received: by us\r\n";
  start_data(t);
  t.say("x\r\n.\r\n");
  EXPECT_EQ(t.hooks.messages[0]->top, "Received: by us\r\n");
}

TEST(SessionEnd, LingersUntilTheRefusedPeerHasRead) {
  TestSession t;
  t.start();
  EXPECT_EQ(t.peer.received(), "220 mx.example ESMTP\r\n");
  EXPECT_EQ(t.say("EHLO x\r\nMAIL FROM:<a@example.org>\r\n"), "554 SMTP synchronization error\r\n");
  EXPECT_FALSE(t.has_ended());
  t.say("more of it\r\n");
  EXPECT_FALSE(t.peer.is_closed());
  t.peer.fail_input(Errc::closed);
  t.scheduler.run();
  EXPECT_TRUE(t.has_ended());
  EXPECT_TRUE(t.peer.is_closed());
}

TEST(SessionEnd, LingersNoLongerThanItShould) {
  TestSession t;
  t.start();
  t.say("EHLO x\r\nMAIL FROM:<a@example.org>\r\n");
  t.scheduler.advance_ms(490);
  EXPECT_FALSE(t.has_ended());
  t.scheduler.advance_ms(20);
  EXPECT_TRUE(t.has_ended());
}

TEST(SessionEvents, CarryWhatTheLogNeeds) {
  std::vector<std::string> told;
  TestSession t;
  t.hooks.on_event = [&](const SessionEvent& e) {
    const SessionState& state = t.hooks.state();
    switch (e.kind) {
      case SessionEventKind::rejected:
        told.push_back("rejected " + std::string(state.command.view()) + ": " + e.verdict->log_text);
        break;
      case SessionEventKind::syntax_error:
        told.push_back("syntax error in " + std::string(state.command.view()) + " " + std::string(e.text));
        break;
      case SessionEventKind::size_declared_too_large:
        told.push_back("size=" + std::to_string(e.number) + " max=" + std::to_string(e.limit));
        break;
      case SessionEventKind::recipient_unqualified: told.push_back("unqualified " + std::string(e.input.view())); break;
      case SessionEventKind::input_sent_too_soon: told.push_back("next input=" + std::string(e.input.view())); break;
      default: break;
    }
  };
  t.hooks.on_rcpt = [](const Recipient&) { return Verdict{Decision::deny, "no", "not here"}; };
  t.greet();
  t.say("MAIL FROM:<a@example.org> SIZE=99999999999\r\n");
  t.say("MAIL FROM:<a@example.org>\r\n");
  t.say("RCPT TO:<b@example.net>\r\n");
  t.say("RCPT TO:<b@\r\n");
  t.say("RCPT TO:<joe> NOTIFY=NEVER\r\n");
  t.say("NOOP\r\nNOOP\r\n");
  EXPECT_EQ(told, (std::vector<std::string>{"size=99999999999 max=52428800", "rejected RCPT TO:<b@example.net>: not here",
                                            "syntax error in RCPT TO:<b@ domain missing or malformed", "unqualified joe",
                                            "next input=NOOP\r\n"}));
}

TEST(SessionReplies, AreTheSameWithoutCodesWhereNoneWereOffered) {
  TestSession t;
  t.greet("HELO client.example\r\n");
  EXPECT_EQ(t.say("MAIL FROM:<a@example.org>\r\n"), "250 OK\r\n");
  EXPECT_EQ(t.say("RCPT TO:<b@example.net>\r\n"), "250 Accepted\r\n");
  EXPECT_EQ(t.say("DATA\r\n"), kEnterMessage);
  EXPECT_EQ(t.say(".\r\n"), "250 OK id=id-1\r\n");
}

}  // namespace
}  // namespace postern::smtp
