#include "appliance/delivery/transports/smtp_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/retry_rules.h"
#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/transports/testing.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/crypto/keys_testing.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"
#include "tests/fakes/fake_connector.h"

namespace postern::delivery {
namespace {

using smtp::testing::FakeServer;
using testing::MessageSpec;
using testing::StoredMessage;

routing::Host host(std::string_view address, std::uint16_t port = 0) {
  return {.name = std::string(address), .address = IpAddress::parse(address).value(), .port = port};
}
SocketAddress at(std::string_view address, std::uint16_t port = 25) { return {IpAddress::parse(address).value(), port}; }

config::RetryRules retry_rules(std::vector<std::string> lines) {
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({}, diagnostics);
  config::RetryRules rules;
  for (const std::string& line : lines) rules.add(expand::ConfigTextForTest::line(line), lists, diagnostics);
  return rules;
}

class SmtpTransportTest : public ::testing::Test {
 protected:
  SmtpTransportTest() {
    expand::Diagnostics diagnostics;
    auto& options = std::get<config::SmtpTransport>(transport_.driver);
    options.helo_data = expand::compile(expand::ConfigTextForTest::line("gw.example"), diagnostics).value();
  }
  config::SmtpTransport& options() { return std::get<config::SmtpTransport>(transport_.driver); }
  static expand::Program text(std::string_view text) {
    expand::Diagnostics diagnostics;
    return expand::compile(expand::ConfigTextForTest::line(text), diagnostics).value();
  }
  void sign_with(std::string_view key) {
    options().dkim.domain = text("example.com");
    options().dkim.selector = text("sel");
    options().dkim.private_key = text(key);
  }
  void start() { smtp_.emplace(transport_, SmtpTransportDeps{connector_, pool_, hosts_, random_, open_, made_}); }
  void TearDown() override {
    if (smtp_) run(smtp_->close(), 300);
    EXPECT_EQ(open_.get(), 0U);
    EXPECT_EQ(server_.open_connections + second_.open_connections, 0U);
  }
  void run(Task<void> task, std::int64_t ms = 0) {
    Gate gate;
    gate.start(std::move(task));
    scheduler_.run();
    if (ms > 0) scheduler_.advance_ms(ms);
    ASSERT_EQ(gate.inside(), 0U) << "still waiting";
  }
  void deliver(const StoredMessage& message, std::vector<routing::Host> hosts, std::int64_t ms = 0) {
    if (!smtp_) start();
    events_ = {};
    const TransportJob job{
        message.record, message.view, message.view.sender.view(), message.recipients, message.all, hosts, events_,
        guard_,         stop_};
    run(smtp_->deliver(job, variables_), ms);
  }
  static StoredMessage to(std::vector<std::string> recipients) {
    return StoredMessage(MessageSpec{.recipients = std::move(recipients)});
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  SeededRandom random_{3};
  smtp::testing::FakeConnector connector_;
  config::RetryRules rules_ = retry_rules({"* * F,2h,15m; G,16h,1h,1.5; F,4d,6h"});
  HostMemory hosts_{rules_, 24 * 3600, random_};
  FakeServer server_;
  FakeServer second_;
  Counter open_;
  Counter made_;
  config::Transport transport_{.name = "out", .driver = config::SmtpTransport{}};
  testing::RecordedEvents events_;
  testing::TestGuard guard_;
  testing::NoVariables variables_;
  StopSource stop_;
  std::optional<SmtpTransport> smtp_;
};

TEST_F(SmtpTransportTest, DeliversWhatWasReceived) {
  connector_.listen(at("192.0.2.1", 2526), server_);
  server_.offer = {"PIPELINING"};
  deliver(to({"a@x.example", "b@x.example"}), {host("192.0.2.1", 2526)});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(events_.deliveries[0].recipients, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(events_.deliveries[0].confirmation, "250 OK id=fake");
  EXPECT_EQ(events_.deliveries[0].host, "[192.0.2.1]:2526");
  EXPECT_EQ(server_.mails.at(0).text, "Received: by us\r\nSubject: s\r\n\r\nbody\r\n");
  EXPECT_EQ(server_.commands[0], "EHLO gw.example");
  EXPECT_EQ(guard_.asked, 1);
}

TEST_F(SmtpTransportTest, AMessageIsSignedOnceForAllHosts) {
  connector_.listen(at("192.0.2.1"), server_);
  connector_.listen(at("192.0.2.2"), second_);
  sign_with(crypto::testing::kRsaPrivate);
  options().max_rcpt = 1;
  server_.answer = [](std::string_view step) -> std::optional<std::string> {
    return step.starts_with("RCPT TO:<b") ? std::optional<std::string>("451 later") : std::nullopt;
  };
  deliver(to({"a@x.example", "b@x.example"}), {host("192.0.2.1"), host("192.0.2.2")});
  ASSERT_EQ(events_.deliveries.size(), 2U);
  const std::string text = server_.mails.at(0).text;
  EXPECT_THAT(text, ::testing::StartsWith("DKIM-Signature: v=1; "));
  EXPECT_THAT(text, ::testing::EndsWith("\r\nReceived: by us\r\nSubject: s\r\n\r\nbody\r\n"));
  EXPECT_EQ(text.find("DKIM-Signature", 1), text.npos);
  EXPECT_EQ(second_.mails.at(0).text, text);
  EXPECT_TRUE(events_.remarks.empty());
}

TEST_F(SmtpTransportTest, WhatCannotBeSignedLeavesUnsignedOrWaits) {
  connector_.listen(at("192.0.2.1"), server_);
  sign_with("no key");
  deliver(to({"a@x.example"}), {host("192.0.2.1")});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(server_.mails.at(0).text, "Received: by us\r\nSubject: s\r\n\r\nbody\r\n");
  ASSERT_EQ(events_.remarks.size(), 1U);
  EXPECT_THAT(events_.remarks[0], ::testing::StartsWith("!DKIM: signing failed: dkim_private_key: "));

  options().dkim.strict = text("1");
  deliver(to({"a@x.example", "b@x.example"}), {host("192.0.2.1")});
  EXPECT_TRUE(events_.deliveries.empty());
  EXPECT_EQ(server_.mails.size(), 1U);
  ASSERT_EQ(events_.problems.size(), 1U);
  EXPECT_EQ(events_.problems[0].recipients.size(), 2U);
  EXPECT_EQ(events_.problems[0].problem.os_errno, EACCES);
  EXPECT_FALSE(events_.problems[0].problem.permanent);
  EXPECT_EQ(hosts_.size(), 0U);  // it is not to blame
}

TEST_F(SmtpTransportTest, ConnectionsAreUsedAgain) {
  connector_.listen(at("192.0.2.1"), server_);
  for (int i = 0; i < 3; ++i) {
    deliver(to({"a@x.example"}), {host("192.0.2.1")});
    ASSERT_EQ(events_.deliveries.size(), 1U);
    EXPECT_EQ(events_.deliveries[0].reused, i > 0);
  }
  EXPECT_EQ(server_.connections, 1U);
  EXPECT_EQ(server_.mails.size(), 3U);
  scheduler_.advance_ms(4'000);
  EXPECT_EQ(server_.open_connections, 0U);  // idle for too long
  EXPECT_EQ(server_.commands.back(), "QUIT");
}

TEST_F(SmtpTransportTest, AConnectionHasAnEnd) {
  connector_.listen(at("192.0.2.1"), server_);
  options().connection_max_messages = 2;
  for (int i = 0; i < 5; ++i) deliver(to({"a@x.example"}), {host("192.0.2.1")});
  EXPECT_EQ(server_.connections, 3U);
  EXPECT_EQ(made_.get(), 3U);
}

TEST_F(SmtpTransportTest, AStaleConnectionIsReplacedWithoutBlame) {
  connector_.listen(at("192.0.2.1"), server_);
  deliver(to({"a@x.example"}), {host("192.0.2.1")});
  // The peer closes as the second message's MAIL comes.
  int mails = 0;
  server_.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL") && ++mails == 1) return std::string(FakeServer::kClose);
    return std::nullopt;
  };
  deliver(to({"a@x.example"}), {host("192.0.2.1")});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_FALSE(events_.deliveries[0].reused);
  EXPECT_TRUE(events_.host_problems.empty());
  EXPECT_EQ(hosts_.size(), 0U);
}

TEST_F(SmtpTransportTest, TheNextHostIsTriedWhenOneCannotBeReached) {
  connector_.fail(at("192.0.2.1"), Errc::timed_out);
  connector_.listen(at("192.0.2.3"), second_);
  deliver(to({"a@x.example"}), {host("192.0.2.1"), host("192.0.2.2"), host("192.0.2.3")});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(events_.deliveries[0].host, "[192.0.2.3]:25");
  EXPECT_EQ(events_.host_problems.size(), 2U);
  EXPECT_EQ(hosts_.size(), 2U);
  // They rest now, and are not asked again for the next message.
  deliver(to({"a@x.example"}), {host("192.0.2.1"), host("192.0.2.2"), host("192.0.2.3")});
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 1);
  EXPECT_EQ(connector_.attempts[at("192.0.2.2")], 1);
  EXPECT_EQ(events_.deliveries.size(), 1U);
}

TEST_F(SmtpTransportTest, ARefusedHostIsNotHammered) {
  for (int i = 0; i < 10; ++i) deliver(to({"a@x.example"}), {host("192.0.2.1")});
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 1);
  ASSERT_EQ(events_.problems.size(), 1U);
  EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::host_resting);
  EXPECT_EQ(defer_number(events_.problems[0].problem), -54);
  EXPECT_EQ(events_.problems[0].problem.text, "retry time not reached for any host for 'x.example'");
  scheduler_.clock().advance_ms(15 * 60 * 1'000 + 1'000);
  connector_.listen(at("192.0.2.1"), server_);
  deliver(to({"a@x.example"}), {host("192.0.2.1")});
  EXPECT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(hosts_.size(), 0U);
}

// With a host that works now and then, an old message might never come to its last attempt.
TEST_F(SmtpTransportTest, AMessageOlderThanTheRuleIsTriedAtARestingHost) {
  const std::int64_t now = scheduler_.wall_now().seconds();
  const auto from = [&](std::int64_t received_s) {
    return StoredMessage(MessageSpec{.recipients = {"a@x.example"}, .received_s = received_s});
  };
  deliver(from(now), {host("192.0.2.1")});
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 1);
  deliver(from(now - 4 * 24 * 3600 + 1), {host("192.0.2.1")});
  EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::host_resting);
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 1);
  deliver(from(now - 4 * 24 * 3600), {host("192.0.2.1")});
  EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::refused);
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 2);
}

TEST_F(SmtpTransportTest, AHostThatFailedForTooLongIsGivenUp) {
  for (int day = 0; day < 5; ++day) {
    deliver(to({"a@x.example"}), {host("192.0.2.1")});
    ASSERT_EQ(events_.problems.size(), 1U);
    EXPECT_FALSE(events_.problems[0].problem.permanent);
    EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::refused);
    scheduler_.clock().advance_ms(24LL * 3600 * 1000);
  }
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 5);
  deliver(to({"a@x.example"}), {host("192.0.2.1")});  // its time has come: an attempt
  EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::refused);
  deliver(to({"a@x.example"}), {host("192.0.2.1")});
  EXPECT_TRUE(events_.problems[0].problem.permanent);
  EXPECT_NE(events_.problems[0].problem.text.find("retry timeout exceeded"), std::string::npos);
  EXPECT_EQ(connector_.attempts[at("192.0.2.1")], 6);
}

struct AnswerCase {
  const char* step;
  const char* reply;
  ProblemKind kind;
  bool permanent;
  bool next_host;  // is tried
  bool host_rests;
};

TEST_F(SmtpTransportTest, WhatAnAnswerMeans) {
  const AnswerCase cases[] = {
      {"connect", "554 no service", ProblemKind::host_rejected, true, false, true},
      {"connect", "450 later", ProblemKind::host_rejected, false, true, true},
      {"connect", "\x01", ProblemKind::connection_lost, false, true, true},
      {"connect", "nonsense", ProblemKind::malformed, false, true, true},
      {"EHLO", "450 later", ProblemKind::host_rejected, false, true, true},
      {"MAIL", "421 busy", ProblemKind::host_rejected, false, true, true},
      {"MAIL", "451 later", ProblemKind::mail_rejected, false, true, false},
      {"MAIL", "550 no", ProblemKind::mail_rejected, true, false, false},
      {"RCPT", "451 later", ProblemKind::rcpt_rejected, false, true, false},
      {"RCPT", "550 no", ProblemKind::rcpt_rejected, true, false, false},
      {"DATA", "451 later", ProblemKind::data_rejected, false, true, false},
      {"DATA", "554 no", ProblemKind::data_rejected, true, false, false},
      {".", "452 full", ProblemKind::data_rejected, false, true, false},
      {".", "550 spam", ProblemKind::data_rejected, true, false, false},
      {".", "\x01", ProblemKind::data_lost, false, false, false},
      {"DATA", "\x01", ProblemKind::connection_lost, false, true, true},
  };
  for (const AnswerCase& c : cases) {
    SCOPED_TRACE(std::string(c.step) + " " + c.reply);
    HostMemory hosts(rules_, 24 * 3600, random_);
    SmtpTransport smtp(transport_, {connector_, pool_, hosts, random_, open_, made_});
    server_ = FakeServer{};
    second_ = FakeServer{};
    server_.answer = [&](std::string_view step) -> std::optional<std::string> {
      if (step.starts_with(c.step)) return c.reply;
      return std::nullopt;
    };
    connector_.listen(at("192.0.2.1"), server_);
    connector_.listen(at("192.0.2.2"), second_);
    const StoredMessage message = to({"a@x.example"});
    const std::vector<routing::Host> two = {host("192.0.2.1"), host("192.0.2.2")};
    events_ = {};
    const TransportJob job{
        message.record, message.view, message.view.sender.view(), message.recipients, message.all, two, events_, guard_, stop_};
    run(smtp.deliver(job, variables_));
    EXPECT_EQ(events_.deliveries.size(), c.next_host ? 1U : 0U);
    EXPECT_EQ(second_.mails.size(), c.next_host ? 1U : 0U);
    EXPECT_EQ(hosts.size(), c.host_rests ? 1U : 0U);
    EXPECT_EQ(events_.host_problems.size(), c.host_rests ? 1U : 0U);

    HostMemory fresh(rules_, 24 * 3600, random_);
    SmtpTransport alone(transport_, {connector_, pool_, fresh, random_, open_, made_});
    events_ = {};
    const TransportJob single{message.record,
                              message.view,
                              message.view.sender.view(),
                              message.recipients,
                              message.all,
                              std::span(two).first(1),
                              events_,
                              guard_,
                              stop_};
    run(alone.deliver(single, variables_));
    ASSERT_EQ(events_.problems.size(), 1U);
    EXPECT_EQ(events_.problems[0].problem.kind, c.kind);
    EXPECT_EQ(events_.problems[0].problem.permanent, c.permanent);
    run(smtp.close(), 300);
    run(alone.close(), 300);
  }
}

TEST_F(SmtpTransportTest, TextsAreExims) {
  connector_.listen(at("192.0.2.1"), server_);
  server_.offer = {"PIPELINING"};
  server_.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<no@")) return "550-5.1.1 one\n550 5.1.1 two \"quoted\"";
    if (step.starts_with("RCPT TO:<later@"))
      return "451 4.2.1 \x07"
             "bell";
    return std::nullopt;
  };
  deliver(to({"no@x.example", "later@x.example"}), {host("192.0.2.1")});
  ASSERT_EQ(events_.problems.size(), 2U);
  EXPECT_EQ(events_.problems[0].problem.text,
            "SMTP error from remote mail server after RCPT TO:<no@x.example>: 550-5.1.1 one\\n550 5.1.1 two \"quoted\"");
  EXPECT_EQ(events_.problems[0].problem.status, (smtp::EnhancedCode{5, 1, 1}));
  EXPECT_EQ(events_.problems[1].problem.text,
            "SMTP error from remote mail server after RCPT TO:<later@x.example>: 451 4.2.1 \\007bell");
  EXPECT_EQ(defer_number(events_.problems[1].problem), -44);
  EXPECT_EQ(trouble_of(events_.problems[1].problem).smtp_code, 451);
}

TEST_F(SmtpTransportTest, RecipientsAreSplit) {
  connector_.listen(at("192.0.2.1"), server_);
  options().max_rcpt = 3;
  std::vector<std::string> recipients;
  for (int i = 0; i < 10; ++i) recipients.push_back("r" + std::to_string(i) + "@x.example");
  deliver(to(recipients), {host("192.0.2.1")});
  EXPECT_EQ(events_.deliveries.size(), 4U);
  EXPECT_EQ(server_.mails.size(), 4U);
  EXPECT_EQ(server_.connections, 1U);

  run(smtp_->close(), 300);
  smtp_.reset();
  server_ = FakeServer{.offer = {"LIMITS RCPTMAX=2 MAILMAX=2"}};
  options().max_rcpt = 0;
  deliver(to(recipients), {host("192.0.2.1")});
  EXPECT_EQ(server_.mails.size(), 5U);
  EXPECT_EQ(server_.connections, 3U);
}

TEST_F(SmtpTransportTest, TooManyRecipientsComeInTheNextTransaction) {
  connector_.listen(at("192.0.2.1"), server_);
  int in_transaction = 0;
  server_.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL")) in_transaction = 0;
    if (step.starts_with("RCPT") && ++in_transaction > 2) return "452 4.5.3 too many recipients";
    return std::nullopt;
  };
  deliver(to({"a@x", "b@x", "c@x", "d@x", "e@x"}), {host("192.0.2.1")});
  EXPECT_TRUE(events_.problems.empty());
  EXPECT_EQ(server_.mails.size(), 3U);
}

TEST_F(SmtpTransportTest, ParametersComeFromTheSpool) {
  connector_.listen(at("192.0.2.1"), server_);
  server_.offer = {"SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "PIPELINING"};
  namespace attribute = spool::attribute;
  MessageSpec spec;
  spec.content = "Subject: \xc3\xa9\r\n\r\nx\r\n";
  spec.attributes = {spool::Attribute::number(attribute::kSmtpUtf8, 1), spool::Attribute::text(attribute::kDsnRet, "HDRS"),
                     spool::Attribute::peer_text(attribute::kDsnEnvid, PeerView("E1"))};
  spec.recipient_attributes = {{spool::Attribute::number(attribute::kNotify, 2),
                                spool::Attribute::peer_text(attribute::kOrcpt, PeerView("rfc822;o@d"))}};
  deliver(StoredMessage(spec), {host("192.0.2.1")});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_TRUE(events_.deliveries[0].chunked);
  for (const char* part : {" SIZE=35", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS", " ENVID=E1"})
    EXPECT_THAT(server_.commands[1], ::testing::HasSubstr(part));
  EXPECT_EQ(server_.commands[2], "RCPT TO:<r@rcpt.example> NOTIFY=SUCCESS ORCPT=rfc822;o@d");
}

TEST_F(SmtpTransportTest, Utf8IsNotSentWhereItIsNotUnderstood) {
  connector_.listen(at("192.0.2.1"), server_);
  deliver(to({"\xc3\xa9@x.example"}), {host("192.0.2.1")});
  ASSERT_EQ(events_.problems.size(), 1U);
  EXPECT_TRUE(events_.problems[0].problem.permanent);
  EXPECT_EQ(events_.problems[0].problem.status, (smtp::EnhancedCode{5, 6, 7}));
  // 8-bit text alone goes as it is.
  deliver(StoredMessage(MessageSpec{.content = "A: 1\r\n\r\n\xff\r\n"}), {host("192.0.2.1")});
  EXPECT_EQ(events_.deliveries.size(), 1U);
  EXPECT_TRUE(server_.mails.at(0).text.ends_with("\xff\r\n"));
}

TEST_F(SmtpTransportTest, TheTransportsOwnHosts) {
  connector_.listen(at("192.0.2.1"), server_);
  connector_.listen(at("192.0.2.2", 26), second_);
  options().hosts = {host("192.0.2.2")};
  options().port = 26;
  options().interfaces = {IpAddress::parse("::1").value(), IpAddress::parse("192.0.2.9").value()};
  deliver(to({"a@x"}), {});
  EXPECT_EQ(second_.mails.size(), 1U);
  EXPECT_EQ(connector_.last_from, IpAddress::parse("192.0.2.9"));
  options().port = 25;
  deliver(to({"a@x"}), {host("192.0.2.1")});
  EXPECT_EQ(server_.mails.size(), 1U);
  options().hosts_override = true;
  options().port = 26;
  deliver(to({"a@x"}), {host("192.0.2.1")});
  EXPECT_EQ(second_.mails.size(), 2U);
}

TEST_F(SmtpTransportTest, WithoutHostsItIsPutOff) {
  deliver(to({"a@x"}), {});
  ASSERT_EQ(events_.problems.size(), 1U);
  EXPECT_FALSE(events_.problems[0].problem.permanent);
}

TEST_F(SmtpTransportTest, StopEndsAnAttempt) {
  connector_.listen(at("192.0.2.1"), server_);
  server_.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL")) return std::string(FakeServer::kSilent);
    return std::nullopt;
  };
  start();
  const StoredMessage message = to({"a@x"});
  const std::vector<routing::Host> hosts = {host("192.0.2.1")};
  const TransportJob job{
      message.record, message.view, message.view.sender.view(), message.recipients, message.all, hosts, events_, guard_, stop_};
  Gate gate;
  gate.start(smtp_->deliver(job, variables_));
  scheduler_.run();
  EXPECT_EQ(gate.inside(), 1U);
  stop_.request_stop();
  scheduler_.run();
  EXPECT_EQ(gate.inside(), 0U);
  ASSERT_EQ(events_.problems.size(), 1U);
  EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::local);
  EXPECT_EQ(hosts_.size(), 0U);
}

// ---- LMTP ----

class LmtpTransportTest : public SmtpTransportTest {
 protected:
  LmtpTransportTest() {
    server_.lmtp = second_.lmtp = true;
    server_.offer = {"PIPELINING", "8BITMIME", "CHUNKING"};
    options().lmtp = true;
  }
  // The server's answers to the text, recipient by recipient.
  void answer(std::map<std::string, std::string> answers) {
    server_.answer = [answers = std::move(answers)](std::string_view step) -> std::optional<std::string> {
      for (const auto& [recipient, reply] : answers)
        if (step == ".RCPT TO:<" + recipient + ">") return reply;
      return std::nullopt;
    };
  }
  static constexpr const char* kSocket = "/run/lmtp";
};

TEST_F(LmtpTransportTest, EachRecipientHasItsOwnOutcome) {
  connector_.listen(at("192.0.2.1", 24), server_);
  answer({{"a@x.example", "250 2.0.0 <a@x.example> one"},
          {"full@x.example", "552 5.2.2 quota"},
          {"busy@x.example", "451 4.2.0 busy"},
          {"b@x.example", "250 2.0.0 <b@x.example> two"}});
  deliver(to({"a@x.example", "full@x.example", "busy@x.example", "b@x.example"}), {host("192.0.2.1", 24)});
  ASSERT_EQ(events_.deliveries.size(), 2U);
  EXPECT_EQ(events_.deliveries[0].recipients, std::vector<std::uint32_t>{0});
  EXPECT_EQ(events_.deliveries[0].confirmation, "250 2.0.0 <a@x.example> one");
  EXPECT_FALSE(events_.deliveries[0].is_further);
  EXPECT_EQ(events_.deliveries[1].recipients, std::vector<std::uint32_t>{3});
  EXPECT_EQ(events_.deliveries[1].confirmation, "250 2.0.0 <b@x.example> two");
  EXPECT_TRUE(events_.deliveries[1].is_further);
  ASSERT_EQ(events_.problems.size(), 2U);
  EXPECT_EQ(events_.problems[0].recipients, std::vector<std::uint32_t>{1});
  EXPECT_TRUE(events_.problems[0].problem.permanent);
  EXPECT_EQ(events_.problems[0].problem.text, "LMTP error after end of data: 552 5.2.2 quota");
  EXPECT_EQ(events_.problems[1].recipients, std::vector<std::uint32_t>{2});
  EXPECT_FALSE(events_.problems[1].problem.permanent);
  EXPECT_EQ(defer_number(events_.problems[1].problem), -46);
  EXPECT_TRUE(events_.host_problems.empty());
  EXPECT_EQ(hosts_.size(), 0U);
  EXPECT_EQ(server_.connections, 1U);
  EXPECT_EQ(server_.commands[0], "LHLO gw.example");
}

TEST_F(LmtpTransportTest, WhatWasAnsweredCountsWhenTheConnectionBreaks) {
  connector_.listen(at("192.0.2.1"), server_);
  connector_.listen(at("192.0.2.2"), second_);
  answer({{"b@x", std::string(FakeServer::kClose)}});
  deliver(to({"a@x", "b@x", "c@x"}), {host("192.0.2.1"), host("192.0.2.2")});
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(events_.deliveries[0].recipients, std::vector<std::uint32_t>{0});
  ASSERT_EQ(events_.problems.size(), 2U);
  for (const testing::RecordedProblem& one : events_.problems) {
    EXPECT_EQ(one.problem.kind, ProblemKind::data_lost);
    EXPECT_FALSE(one.problem.permanent);
  }
  EXPECT_EQ(second_.connections, 0U);  // they may be there: not to be given to another host
}

TEST_F(LmtpTransportTest, A421BetweenTheAnswersLeavesTheRestToTheNextHost) {
  connector_.listen(at("192.0.2.1"), server_);
  connector_.listen(at("192.0.2.2"), second_);
  answer({{"b@x", "421 4.3.2 going down"}});
  deliver(to({"a@x", "b@x", "c@x"}), {host("192.0.2.1"), host("192.0.2.2")});
  ASSERT_EQ(events_.deliveries.size(), 3U);
  EXPECT_EQ(events_.deliveries[0].host, "[192.0.2.1]:25");
  EXPECT_EQ(events_.deliveries[1].host, "[192.0.2.2]:25");
  EXPECT_EQ(events_.deliveries[1].recipients, std::vector<std::uint32_t>{1});
  EXPECT_EQ(events_.deliveries[2].recipients, std::vector<std::uint32_t>{2});
  EXPECT_TRUE(events_.problems.empty());
  EXPECT_EQ(hosts_.size(), 1U);
}

TEST_F(LmtpTransportTest, ASocketIsAHostWithAnotherAddress) {
  connector_.listen(kSocket, server_);
  options().socket = kSocket;
  for (int i = 0; i < 3; ++i) {
    deliver(to({"a@x", "b@x"}), {host("192.0.2.1")});  // hosts are for transports that have no socket
    ASSERT_EQ(events_.deliveries.size(), 2U);
    EXPECT_EQ(events_.deliveries[0].host, kSocket);
    EXPECT_EQ(events_.deliveries[0].reused, i > 0);
  }
  EXPECT_EQ(server_.connections, 1U);
  EXPECT_EQ(server_.mails.size(), 3U);
  EXPECT_TRUE(connector_.attempts.empty());
  EXPECT_EQ(smtp_->destination({}), "out /run/lmtp");
}

TEST_F(LmtpTransportTest, AMissingSocketIsTriedAgainLater) {
  options().socket = kSocket;
  for (int i = 0; i < 10; ++i) {
    deliver(to({"a@x"}), {});
    ASSERT_EQ(events_.problems.size(), 1U);
    EXPECT_FALSE(events_.problems[0].problem.permanent);
    EXPECT_EQ(events_.problems[0].problem.kind, i == 0 ? ProblemKind::unreachable : ProblemKind::host_resting);
    EXPECT_EQ(events_.problems[0].problem.text,
              i == 0 ? "failed to connect to socket /run/lmtp" : "retry time not reached for socket /run/lmtp");
  }
  EXPECT_EQ(connector_.local_attempts[kSocket], 1);
  EXPECT_TRUE(smtp_->is_in_trouble({}));
  scheduler_.clock().advance_ms(15 * 60 * 1'000 + 1'000);
  connector_.listen(kSocket, server_);
  deliver(to({"a@x"}), {});
  EXPECT_EQ(events_.deliveries.size(), 1U);
  EXPECT_FALSE(smtp_->is_in_trouble({}));
}

TEST_F(LmtpTransportTest, ASocketThatWasMissingForTooLongIsGivenUp) {
  options().socket = kSocket;
  for (int day = 0; day < 6; ++day) {
    deliver(to({"a@x"}), {});
    scheduler_.clock().advance_ms(24LL * 3600 * 1000);
  }
  deliver(to({"a@x"}), {});
  deliver(to({"a@x"}), {});
  EXPECT_TRUE(events_.problems[0].problem.permanent);
  EXPECT_EQ(events_.problems[0].problem.text, "socket /run/lmtp has been failing for too long: retry timeout exceeded");
}

TEST_F(LmtpTransportTest, TextsForASocketAreThoseOfEximsLmtpTransport) {
  connector_.listen(kSocket, server_);
  options().socket = kSocket;
  const std::map<std::string, std::string> cases = {
      {"550 5.1.1 no", "LMTP error after RCPT TO:<a@x>: 550 5.1.1 no"},
      {std::string(FakeServer::kClose), "LMTP connection closed after RCPT TO:<a@x>"},
      {"what?", "Malformed LMTP reply in response to RCPT TO:<a@x>"},
  };
  for (const auto& [reply, text] : cases) {
    server_.answer = [&](std::string_view step) -> std::optional<std::string> {
      if (step.starts_with("RCPT")) return reply;
      return std::nullopt;
    };
    HostMemory hosts(rules_, 24 * 3600, random_);
    SmtpTransport lmtp(transport_, {connector_, pool_, hosts, random_, open_, made_});
    const StoredMessage message = to({"a@x"});
    events_ = {};
    const TransportJob job{
        message.record, message.view, message.view.sender.view(), message.recipients, message.all, {}, events_, guard_, stop_};
    run(lmtp.deliver(job, variables_));
    ASSERT_EQ(events_.problems.size(), 1U);
    EXPECT_EQ(events_.problems[0].problem.text, text);
    run(lmtp.close(), 300);
  }
}

// Who gets a copy does not read in it who else does.
TEST_F(LmtpTransportTest, EnvelopeToNamesThoseOfTheTransaction) {
  transport_.envelope_to_add = true;
  connector_.listen(at("192.0.2.1"), server_);
  connector_.listen(at("192.0.2.2"), second_);
  options().max_rcpt = 2;
  answer({{"a@x", "450 later"}, {"b@x", "450 later"}, {"c@x", "450 later"}});
  deliver(to({"a@x", "b@x", "c@x"}), {host("192.0.2.1"), host("192.0.2.2")});
  EXPECT_TRUE(server_.mails.empty());
  ASSERT_EQ(second_.mails.size(), 2U);
  EXPECT_THAT(second_.mails[0].text, ::testing::StartsWith("Envelope-to: a@x,\r\n\tb@x\r\nReceived: "));
  EXPECT_THAT(second_.mails[1].text, ::testing::StartsWith("Envelope-to: c@x\r\nReceived: "));
}

TEST_F(SmtpTransportTest, WithoutARetryRuleAHostIsTriedEachTime) {
  const config::RetryRules none;
  HostMemory hosts(none, 24 * 3600, random_);
  Problem problem;
  problem.kind = ProblemKind::refused;
  hosts.note_failure({at("192.0.2.1"), {}}, "h", "x", "s@x", problem, 1'000);
  EXPECT_FALSE(hosts.standing({at("192.0.2.1"), {}}, 1'000).resting);
}

TEST(HostMemory, ForgetsTheOldestWhenFull) {
  SeededRandom random(1);
  const config::RetryRules rules = retry_rules({"* * F,2h,15m"});
  HostMemory hosts(rules, 24 * 3600, random);
  Problem problem;
  problem.kind = ProblemKind::refused;
  for (std::uint32_t i = 0; i < HostMemory::kHostsMax + 10; ++i)
    hosts.note_failure({{IpAddress::v4(0x0a000000 + i), 25}, {}}, "h", "x", "", problem, 1'000 + i);
  EXPECT_EQ(hosts.size(), HostMemory::kHostsMax);
  EXPECT_FALSE(hosts.standing({{IpAddress::v4(0x0a000000), 25}, {}}, 1'000).resting);
  EXPECT_TRUE(hosts.standing({{IpAddress::v4(0x0a000000 + 100), 25}, {}}, 1'000).resting);
}

}  // namespace
}  // namespace postern::delivery
