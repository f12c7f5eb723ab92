#include "engine/smtp/client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/smtp/fake_server.h"

namespace postern::smtp {
namespace {

using testing::FakeServer;
using testing::FakeServerStream;
using Kind = ClientFailure::Kind;

class TextBody final : public BodySource {
 public:
  TextBody(BlockPool& pool, std::string text, std::size_t piece_bytes = 0)
      : pool_(pool), text_(std::move(text)), piece_bytes_(piece_bytes == 0 ? 60'000 : piece_bytes) {}
  [[nodiscard]] Task<Result<Chain>> next() override {
    if (fail_at_piece > 0 && ++pieces_ == fail_at_piece) co_return failure(Errc::io, "read the message");
    Chain chain;
    chain.append(copy_to_slice(pool_, std::string_view(text_).substr(at_, piece_bytes_)));
    at_ += chain.size();
    co_return chain;
  }
  [[nodiscard]] Task<Result<void>> before_end() override {
    asked_before_end = true;
    co_return allow_end;
  }
  [[nodiscard]] std::uint64_t size() const { return text_.size(); }

  bool asked_before_end = false;
  int fail_at_piece = 0;
  Result<void> allow_end;

 private:
  BlockPool& pool_;
  std::string text_;
  std::size_t piece_bytes_;
  std::size_t at_ = 0;
  int pieces_ = 0;
};

// One connection to a fake server.
class ClientTest : public ::testing::Test {
 protected:
  void connect(ClientOptions options = {.helo_name = "gw.example", .timeouts = {}}) {
    stream_ = std::make_unique<FakeServerStream>(server_);
    client_ = std::make_unique<Client>(*stream_, pool_, std::move(options));
  }
  void TearDown() override {
    if (stream_) run(stream_->close());
  }

  void run(Task<void> task, std::int64_t ms = 0) {
    Gate gate;
    gate.start(std::move(task));
    scheduler_.run();
    if (ms > 0) scheduler_.advance_ms(ms);
    ASSERT_EQ(gate.inside(), 0U) << "still waiting";
  }
  template <class T>
  T get(Task<T> task, std::int64_t ms = 0) {
    std::optional<T> result;
    run(store(std::move(task), result), ms);
    return std::move(*result);
  }
  template <class T>
  static Task<void> store(Task<T> task, std::optional<T>& into) {
    into = co_await task;
  }

  TransactionOutcome send(std::vector<std::string> to, BodySource& body, std::uint64_t size, std::int64_t ms = 0) {
    std::vector<ClientRecipient> recipients;
    for (const std::string& address : to) recipients.push_back({address, {}});
    ClientMessage message = message_;
    message.recipients = recipients;
    message.size_bytes = size;
    message.body = &body;
    return get(client_->send(message, &stop_), ms);
  }
  TransactionOutcome send(std::vector<std::string> to, const std::string& text, std::int64_t ms = 0) {
    TextBody body(pool_, text);
    return send(std::move(to), body, body.size(), ms);
  }
  std::optional<ClientFailure> hello(std::int64_t ms = 0) { return get(client_->hello(&stop_), ms); }

  // Answers `reply` to the n-th step that starts with `step`.
  void script(std::string step, std::string reply, int nth = 1) {
    auto before = std::move(server_.answer);
    server_.answer = [=, count = 0](std::string_view now) mutable -> std::optional<std::string> {
      if (now.starts_with(step) && ++count == nth) return reply;
      return before ? before(now) : std::nullopt;
    };
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  FakeServer server_;
  StopSource stop_;
  ClientMessage message_{.sender = "a@b.example", .params = {}, .recipients = {}};
  std::unique_ptr<FakeServerStream> stream_;
  std::unique_ptr<Client> client_;
};

const std::vector<std::string> kFullOffer = {"SIZE 1000000",        "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN",
                                             "ENHANCEDSTATUSCODES", "HELP"};

TEST_F(ClientTest, PipelinesTheEnvelopeWithData) {
  server_.offer = {"SIZE", "PIPELINING"};
  connect();
  EXPECT_FALSE(hello());
  const std::size_t writes_before = server_.writes;
  const TransactionOutcome outcome = send({"x@c.example", "y@c.example"}, "Subject: s\r\n\r\n.dot\r\n");
  ASSERT_FALSE(outcome.failure);
  EXPECT_TRUE(outcome.recipients[0].delivered && outcome.recipients[1].delivered);
  EXPECT_EQ(outcome.accepted.lines(), "250 OK id=fake");
  EXPECT_EQ(server_.commands, (std::vector<std::string>{"EHLO gw.example", "MAIL FROM:<a@b.example> SIZE=20",
                                                        "RCPT TO:<x@c.example>", "RCPT TO:<y@c.example>", "DATA"}));
  EXPECT_EQ(server_.writes - writes_before, 2U);  // the envelope, the text
  ASSERT_EQ(server_.mails.size(), 1U);
  EXPECT_EQ(server_.mails[0].text, "Subject: s\r\n\r\n.dot\r\n");
  EXPECT_TRUE(client_->usable());
}

TEST_F(ClientTest, WaitsForEachAnswerWithoutPipelining) {
  server_.offer = {};
  connect();
  EXPECT_FALSE(hello());
  const std::size_t writes_before = server_.writes;
  EXPECT_FALSE(send({"x@c.example", "y@c.example"}, "text\r\n").failure);
  EXPECT_EQ(server_.writes - writes_before, 5U);
  EXPECT_EQ(server_.commands[1], "MAIL FROM:<a@b.example>");  // SIZE was not offered
}

TEST_F(ClientTest, SaysHeloToAPeerThatDoesNotKnowEhlo) {
  server_.knows_ehlo = false;
  connect();
  EXPECT_FALSE(hello());
  EXPECT_FALSE(client_->offer().esmtp);
  EXPECT_EQ(server_.commands, (std::vector<std::string>{"EHLO gw.example", "HELO gw.example"}));
  EXPECT_FALSE(send({"x@c.example"}, "text\r\n").failure);
}

TEST_F(ClientTest, ChunksWhenItCan) {
  server_.offer = kFullOffer;
  connect();
  EXPECT_FALSE(hello());
  const std::string text = ".\r\n..\r\nno line end";
  const TransactionOutcome outcome = send({"x@c.example"}, text);
  EXPECT_FALSE(outcome.failure);
  EXPECT_TRUE(outcome.used_chunking);
  EXPECT_EQ(server_.commands.back(), "BDAT 18 LAST");
  EXPECT_EQ(server_.mails.at(0).text, text);
  EXPECT_EQ(server_.count_of("DATA"), 0U);
}

TEST_F(ClientTest, EveryTextArrivesAsItIs) {
  std::string every_byte = "X: ";
  for (int c = 0; c < 256; ++c)
    if (c != '\r' && c != '\n') every_byte += static_cast<char>(c);
  every_byte += "\r\n";
  std::string long_line(200'000, 'l');
  long_line += "\r\n";
  std::string dots;
  for (int i = 0; i < 10'000; ++i) dots += ".\r\n";
  for (const std::string& text : {std::string(), std::string("x\r\n"), std::string("\r\n"), every_byte, long_line, dots}) {
    for (const bool chunking : {false, true}) {
      for (const std::size_t piece : {1UL, 7UL, 4096UL, 60'000UL}) {
        if (piece < 4096 && text.size() > 10'000) continue;
        server_ = FakeServer{.offer = kFullOffer};
        connect({.helo_name = "gw.example", .timeouts = {}, .use_chunking = chunking});
        EXPECT_FALSE(hello());
        TextBody body(pool_, text, piece);
        const TransactionOutcome outcome = send({"x@c.example"}, body, text.size());
        EXPECT_FALSE(outcome.failure);
        EXPECT_TRUE(body.asked_before_end);
        ASSERT_EQ(server_.mails.size(), 1U);
        EXPECT_EQ(server_.mails[0].text, text);
        run(client_->quit(&stop_));
        run(stream_->close());
        stream_.reset();
      }
    }
  }
}

TEST_F(ClientTest, RepliesInCrumbsAndManyLinesAreReadTheSame) {
  server_.offer = kFullOffer;
  server_.fragment_bytes = 1;
  script("MAIL", "250-2.1.0 one\n250-two\n250 three");
  connect();
  EXPECT_FALSE(hello());
  EXPECT_TRUE(client_->offer().pipelining);
  EXPECT_EQ(client_->offer().size_max, 1'000'000U);
  EXPECT_FALSE(send({"x@c.example"}, "t\r\n").failure);
}

TEST_F(ClientTest, OffersAreUnderstood) {
  const PeerOffer offer =
      parse_offer("mx.example at your service\nsize 0\npipelining\nLIMITS RCPTMAX=20 MAILMAX=3 X=1\nAUTH PLAIN");
  EXPECT_TRUE(offer.pipelining);
  EXPECT_FALSE(offer.chunking);
  EXPECT_FALSE(offer.size_max);
  EXPECT_EQ(offer.rcpt_max, 20U);
  EXPECT_EQ(offer.mail_max, 3U);
  EXPECT_TRUE(offer.parameters.has(Extension::size));
  const PeerOffer odd = parse_offer("PIPELINING\nSIZE 99999999999999999999999\nLIMITS RCPTMAX=0 MAILMAX= =3\n\nX");
  EXPECT_FALSE(odd.pipelining);  // the first line is a name
  EXPECT_FALSE(odd.size_max || odd.rcpt_max || odd.mail_max);
}

struct RefusalCase {
  const char* step;
  const char* reply;
  ClientPhase phase;
  bool permanent;
  bool usable_after;
};

TEST_F(ClientTest, RefusalsOfTheWholeTransaction) {
  const RefusalCase cases[] = {
      {"MAIL", "451 4.3.0 later", ClientPhase::mail, false, true},
      {"MAIL", "550 5.1.8 no", ClientPhase::mail, true, true},
      {"DATA", "451 no", ClientPhase::data, false, true},
      {"DATA", "554 no", ClientPhase::data, true, true},
      {".", "452 full", ClientPhase::end_of_data, false, true},
      {".", "554 5.7.1 spam", ClientPhase::end_of_data, true, true},
      {"MAIL", "421 closing", ClientPhase::mail, false, false},
      {"DATA", "421 closing", ClientPhase::data, false, false},
      {".", "421 closing", ClientPhase::end_of_data, false, false},
  };
  for (const RefusalCase& c : cases) {
    for (const bool pipelining : {false, true}) {
      SCOPED_TRACE(std::string(c.step) + " " + c.reply + (pipelining ? " pipelined" : ""));
      server_ = FakeServer{};
      if (pipelining) server_.offer = {"PIPELINING"};
      script(c.step, c.reply);
      connect();
      EXPECT_FALSE(hello());
      const TransactionOutcome outcome = send({"x@c.example", "y@c.example"}, "t\r\n");
      ASSERT_TRUE(outcome.failure);
      EXPECT_EQ(outcome.failure->kind, Kind::rejected);
      EXPECT_EQ(outcome.failure->phase, c.phase);
      EXPECT_EQ(outcome.failure->is_permanent(), c.permanent);
      EXPECT_EQ(outcome.failure->reply.lines(), c.reply);
      EXPECT_FALSE(outcome.in_doubt);
      EXPECT_FALSE(outcome.recipients[0].delivered);
      EXPECT_FALSE(outcome.recipients[0].failure);
      EXPECT_EQ(client_->usable(), c.usable_after);
      if (c.usable_after) {
        EXPECT_FALSE(send({"x@c.example"}, "again\r\n").failure);
        EXPECT_EQ(server_.mails.size(), 1U);
      }
      run(stream_->close());
      stream_.reset();
    }
  }
}

TEST_F(ClientTest, RecipientsAreJudgedOneByOne) {
  for (const bool pipelining : {false, true}) {
    server_ = FakeServer{};
    if (pipelining) server_.offer = {"PIPELINING"};
    script("RCPT TO:<no@", "550 5.1.1 unknown");
    script("RCPT TO:<later@", "451 4.2.1 greylisted");
    connect();
    EXPECT_FALSE(hello());
    const TransactionOutcome outcome = send({"no@c.example", "yes@c.example", "later@c.example"}, "t\r\n");
    EXPECT_FALSE(outcome.failure);
    EXPECT_FALSE(outcome.recipients[0].delivered);
    EXPECT_TRUE(outcome.recipients[1].delivered);
    EXPECT_TRUE(outcome.failure_of(0).is_permanent());
    EXPECT_EQ(outcome.failure_of(0).command, "RCPT TO:<no@c.example>");
    EXPECT_EQ(outcome.failure_of(0).reply.enhanced, (EnhancedCode{5, 1, 1}));
    EXPECT_FALSE(outcome.failure_of(2).is_permanent());
    EXPECT_EQ(server_.mails.at(0).recipients, std::vector<std::string>{"RCPT TO:<yes@c.example>"});
    run(stream_->close());
    stream_.reset();
  }
}

TEST_F(ClientTest, WithoutRecipientsNoTextIsSent) {
  for (const bool takes_data : {false, true}) {
    server_ = FakeServer{.offer = {"PIPELINING"}};
    script("RCPT", "550 no");
    if (takes_data) script("DATA", "354 go on");
    connect();
    EXPECT_FALSE(hello());
    const TransactionOutcome outcome = send({"no@c.example"}, "t\r\n");
    EXPECT_FALSE(outcome.failure);
    EXPECT_TRUE(outcome.failure_of(0).is_permanent());
    EXPECT_TRUE(server_.mails.empty());
    EXPECT_EQ(server_.commands.back(), "RSET");
    EXPECT_TRUE(client_->usable());
    run(stream_->close());
    stream_.reset();
  }
}

TEST_F(ClientTest, AFailedMailIsNotBlamedOnRecipients) {
  server_.offer = {"PIPELINING"};
  script("MAIL", "550 5.7.1 not you");
  connect();
  EXPECT_FALSE(hello());
  const TransactionOutcome outcome = send({"x@c.example"}, "t\r\n");
  EXPECT_EQ(outcome.failure_of(0).phase, ClientPhase::mail);
  EXPECT_TRUE(outcome.failure_of(0).pipelined);
}

TEST_F(ClientTest, LosingTheConnectionAtAnyPointIsTemporary) {
  for (const char* step : {"connect", "EHLO", "MAIL", "RCPT", "DATA", "."}) {
    for (const bool pipelining : {false, true}) {
      SCOPED_TRACE(step);
      server_ = FakeServer{};
      if (pipelining) server_.offer = {"PIPELINING"};
      script(step, std::string(FakeServer::kClose));
      connect();
      const std::optional<ClientFailure> greeted = hello();
      if (std::string_view(step) == "connect" || std::string_view(step) == "EHLO") {
        ASSERT_TRUE(greeted);
        EXPECT_EQ(greeted->kind, Kind::closed);
      } else {
        const TransactionOutcome outcome = send({"x@c.example"}, "t\r\n");
        ASSERT_TRUE(outcome.failure);
        EXPECT_EQ(outcome.failure->kind, Kind::closed);
        EXPECT_FALSE(outcome.failure->is_permanent());
        EXPECT_EQ(outcome.in_doubt, std::string_view(step) == ".");
      }
      EXPECT_FALSE(client_->usable());
      run(stream_->close());
      stream_.reset();
    }
  }
}

TEST_F(ClientTest, SilenceAtAnyPointTimesOut) {
  struct {
    const char* step;
    std::int64_t after_ms;
  } const cases[] = {{"connect", 300'000}, {"EHLO", 300'000}, {"MAIL", 300'000},
                     {"RCPT", 300'000},    {"DATA", 120'000}, {".", 600'000}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.step);
    server_ = FakeServer{};
    script(c.step, std::string(FakeServer::kSilent));
    connect();
    std::optional<ClientFailure> why;
    if (std::string_view(c.step) == "connect" || std::string_view(c.step) == "EHLO") {
      why = hello(c.after_ms + 10);
    } else {
      EXPECT_FALSE(hello());
      const TransactionOutcome outcome = send({"x@c.example"}, "t\r\n", c.after_ms + 10);
      why = outcome.failure;
      EXPECT_EQ(outcome.in_doubt, std::string_view(c.step) == ".");
    }
    ASSERT_TRUE(why);
    EXPECT_EQ(why->kind, Kind::timed_out);
    EXPECT_FALSE(client_->usable());
    run(stream_->close());
    stream_.reset();
  }
}

TEST_F(ClientTest, WhatIsNoReplyBreaksTheConnection) {
  for (const char* reply : {"hello", "", "2500 x", "250-one\n251 two", "354 odd", "099 x", "\xff\xfe"}) {
    for (const char* step : {"connect", "EHLO", "MAIL", "RCPT", "."}) {
      SCOPED_TRACE(std::string(step) + " " + reply);
      server_ = FakeServer{.offer = {"PIPELINING"}};
      script(step, reply);
      connect();
      std::optional<ClientFailure> why = hello();
      if (!why) why = send({"x@c.example"}, "t\r\n").failure;
      ASSERT_TRUE(why);
      EXPECT_EQ(why->kind, Kind::malformed);
      EXPECT_FALSE(client_->usable());
      run(stream_->close());
      stream_.reset();
    }
  }
}

TEST_F(ClientTest, AnEndlessReplyIsCutOff) {
  std::string endless;
  for (int i = 0; i < 10'000; ++i) endless += "250-again and again\n";
  script("EHLO", endless + "250 end");
  connect();
  const std::optional<ClientFailure> why = hello();
  ASSERT_TRUE(why);
  EXPECT_EQ(why->kind, Kind::malformed);
}

TEST_F(ClientTest, WordsNobodyAskedForEndTheConnection) {
  connect();
  EXPECT_FALSE(hello());
  EXPECT_FALSE(send({"x@c.example"}, "t\r\n").failure);
  stream_->send_from_server("421 4.4.2 idle too long\r\n");
  EXPECT_FALSE(client_->usable());
  const TransactionOutcome outcome = send({"x@c.example"}, "t\r\n");
  EXPECT_FALSE(outcome.started);
  EXPECT_EQ(outcome.failure->reply.code, 421);
  EXPECT_FALSE(outcome.failure->is_permanent());
  EXPECT_EQ(server_.mails.size(), 1U);
}

TEST_F(ClientTest, TextBehindTheGreetingIsOutOfStep) {
  script("connect", "220 mx.example\n220 again");
  connect();
  EXPECT_EQ(hello()->kind, Kind::malformed);
  EXPECT_TRUE(server_.commands.empty());
}

TEST_F(ClientTest, RefusedGreetings) {
  for (const auto& [reply, permanent] : {std::pair{"554 no service", true}, {"450 later", false}, {"421 busy", false}}) {
    server_ = FakeServer{};
    script("connect", reply);
    connect();
    const std::optional<ClientFailure> why = hello();
    ASSERT_TRUE(why);
    EXPECT_EQ(why->phase, ClientPhase::greeting);
    EXPECT_EQ(why->is_permanent(), permanent);
    EXPECT_EQ(why->command, "initial connection");
    run(client_->quit(&stop_));
    EXPECT_EQ(server_.count_of("QUIT"), std::string_view(reply).starts_with("421") ? 0U : 1U);
    run(stream_->close());
    stream_.reset();
  }
}

TEST_F(ClientTest, WhatThePeerCannotTakeIsNotTried) {
  server_.offer = {"SIZE 10"};
  connect();
  EXPECT_FALSE(hello());
  TransactionOutcome outcome = send({"x@c.example"}, "more than ten bytes\r\n");
  EXPECT_EQ(outcome.failure->kind, Kind::unsuitable);
  EXPECT_EQ(outcome.failure->status, (EnhancedCode{5, 3, 4}));
  EXPECT_TRUE(outcome.failure->is_permanent());

  message_.needs_smtputf8 = true;
  outcome = send({"\xc3\xa9@c.example"}, "t\r\n");
  EXPECT_EQ(outcome.failure->status, (EnhancedCode{5, 6, 7}));

  message_.needs_smtputf8 = false;
  outcome = send({"x@c.example>\r\nRCPT TO:<y@c.example"}, "t\r\n");
  EXPECT_EQ(outcome.failure->kind, Kind::unsuitable);
  EXPECT_EQ(server_.count_of("MAIL"), 0U);
  EXPECT_TRUE(client_->usable());
}

TEST_F(ClientTest, ParametersGoToPeersThatTakeThem) {
  message_.params.body = BodyType::eight_bit_mime;
  message_.params.ret = DsnReturn::headers;
  message_.params.envid = "QQ314159";
  message_.params.auth = "<>";
  message_.needs_smtputf8 = true;
  const std::vector<ClientRecipient> to{{"x@c.example", {.notify = kNotifyNever, .orcpt = "rfc822;o@d.example"}}};
  message_.recipients = to;
  server_.offer = kFullOffer;
  connect();
  EXPECT_FALSE(hello());
  TextBody body(pool_, "t\r\n");
  message_.body = &body;
  message_.size_bytes = 3;
  EXPECT_FALSE(get(client_->send(message_, &stop_)).failure);
  const std::string& mail = server_.commands[1];
  for (const char* wanted : {" SIZE=3", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS", " ENVID=QQ314159"})
    EXPECT_NE(mail.find(wanted), mail.npos) << wanted;
  EXPECT_EQ(mail.find("AUTH"), mail.npos);
  EXPECT_EQ(server_.commands[2], "RCPT TO:<x@c.example> NOTIFY=NEVER ORCPT=rfc822;o@d.example");
}

TEST_F(ClientTest, ManyRecipientsGoInWindows) {
  server_.offer = {"PIPELINING"};
  connect();
  EXPECT_FALSE(hello());
  std::vector<std::string> to;
  for (int i = 0; i < 1000; ++i) to.push_back("r" + std::to_string(i) + "@c.example");
  const std::size_t writes_before = server_.writes;
  const TransactionOutcome outcome = send(to, "t\r\n");
  EXPECT_FALSE(outcome.failure);
  EXPECT_EQ(server_.mails.at(0).recipients.size(), 1000U);
  EXPECT_EQ(server_.writes - writes_before, 12U);  // 1002 commands, 100 at a time, and the text
}

TEST_F(ClientTest, AConnectionCarriesMailUntilThePeersLimit) {
  server_.offer = {"PIPELINING", "LIMITS MAILMAX=3"};
  connect();
  EXPECT_FALSE(hello());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client_->usable());
    EXPECT_FALSE(send({"x@c.example"}, "t\r\n").failure);
  }
  EXPECT_FALSE(client_->usable());
  EXPECT_EQ(server_.count_of("RSET"), 0U);
}

TEST_F(ClientTest, ASourceThatFailsCompletesNothing) {
  for (const bool chunking : {false, true}) {
    for (const bool at_end : {false, true}) {
      server_ = FakeServer{.offer = kFullOffer};
      connect({.helo_name = "gw.example", .timeouts = {}, .use_chunking = chunking});
      EXPECT_FALSE(hello());
      TextBody body(pool_, "one\r\ntwo\r\nthree\r\n", 5);
      if (at_end)
        body.allow_end = failure(Errc::stopped, "no");
      else
        body.fail_at_piece = 3;
      const TransactionOutcome outcome = send({"x@c.example"}, body, body.size());
      EXPECT_EQ(outcome.failure->kind, Kind::local);
      EXPECT_FALSE(outcome.in_doubt);
      EXPECT_TRUE(server_.mails.empty());
      EXPECT_FALSE(client_->usable());
      run(stream_->close());
      stream_.reset();
    }
  }
}

TEST_F(ClientTest, StopCutsEveryWaitShort) {
  script(".", std::string(FakeServer::kSilent));
  connect();
  EXPECT_FALSE(hello());
  std::optional<TransactionOutcome> outcome;
  TextBody body(pool_, "t\r\n");
  const std::vector<ClientRecipient> to{{"x@c.example", {}}};
  message_.recipients = to;
  message_.size_bytes = 3;
  message_.body = &body;
  Gate gate;
  gate.start(store(client_->send(message_, &stop_), outcome));
  scheduler_.run();
  EXPECT_FALSE(outcome);
  stop_.request_stop();
  scheduler_.run();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->failure->kind, Kind::local);
  EXPECT_TRUE(outcome->in_doubt);
}

TEST_F(ClientTest, ThePeersLastWordsBeatABrokenPipe) {
  connect();
  EXPECT_FALSE(hello());
  stream_->send_from_server("421 4.3.2 going down\r\n");
  stream_->close_from_server();
  const TransactionOutcome outcome = send({"x@c.example"}, "t\r\n");
  EXPECT_EQ(outcome.failure->reply.code, 421);
}

// ---- LMTP ----

class LmtpClientTest : public ClientTest {
 protected:
  LmtpClientTest() { server_.lmtp = true; }
  void connect(bool chunking = true) {
    ClientTest::connect({.helo_name = "gw.example", .timeouts = {}, .lmtp = true, .use_chunking = chunking});
  }
  void begin_again() {
    if (stream_) run(stream_->close());
    stream_.reset();
    server_ = FakeServer{.offer = kFullOffer, .lmtp = true};
  }
};

TEST_F(LmtpClientTest, SaysLhloAndHearsOfEachRecipient) {
  for (const bool chunking : {false, true}) {
    begin_again();
    script(".RCPT TO:<x@c.example>", "250 2.0.0 one");
    script(".RCPT TO:<y@c.example>", "250-2.0.0 two\n250 2.0.0 lines");
    connect(chunking);
    EXPECT_FALSE(hello());
    EXPECT_TRUE(client_->offer().chunking);
    const TransactionOutcome outcome = send({"x@c.example", "y@c.example"}, ".dot\r\n");
    ASSERT_FALSE(outcome.failure);
    EXPECT_TRUE(outcome.recipients[0].delivered && outcome.recipients[1].delivered);
    EXPECT_EQ(outcome.accepted_by(0).lines(), "250 2.0.0 one");
    EXPECT_EQ(outcome.accepted_by(1).lines(), "250-2.0.0 two\n250 2.0.0 lines");
    EXPECT_EQ(outcome.used_chunking, chunking);
    EXPECT_EQ(server_.commands[0], "LHLO gw.example");
    ASSERT_EQ(server_.mails.size(), 1U);
    EXPECT_EQ(server_.mails[0].text, ".dot\r\n");
    EXPECT_EQ(server_.count_of("RSET"), 0U);
    ASSERT_TRUE(client_->usable());
    EXPECT_FALSE(send({"x@c.example"}, "again\r\n").failure);
    EXPECT_EQ(server_.mails.size(), 2U);
  }
}

TEST_F(LmtpClientTest, IsNotSpokenToAPeerThatDoesNotKnowIt) {
  server_.lmtp = false;
  connect();
  const std::optional<ClientFailure> why = hello();
  ASSERT_TRUE(why);
  EXPECT_EQ(why->phase, ClientPhase::helo);
  EXPECT_EQ(why->command, "LHLO gw.example");
  EXPECT_TRUE(why->lmtp);
  EXPECT_EQ(server_.count_of("HELO"), 0U);
}

TEST_F(LmtpClientTest, EachAnswerCountsForItsRecipient) {
  for (const bool chunking : {false, true}) {
    begin_again();
    script("RCPT TO:<unknown@", "550 5.1.1 unknown");
    script(".RCPT TO:<full@", "552 5.2.2 quota");
    script(".RCPT TO:<later@", "452 4.2.2 later");
    connect(chunking);
    EXPECT_FALSE(hello());
    const TransactionOutcome outcome = send({"a@c", "unknown@c", "full@c", "b@c", "later@c"}, "t\r\n");
    EXPECT_FALSE(outcome.failure);
    EXPECT_FALSE(outcome.in_doubt);
    std::vector<bool> delivered;
    for (const RecipientOutcome& one : outcome.recipients) delivered.push_back(one.delivered);
    EXPECT_EQ(delivered, (std::vector<bool>{true, false, false, true, false}));
    EXPECT_EQ(outcome.failure_of(1).phase, ClientPhase::rcpt);
    EXPECT_EQ(outcome.failure_of(2).phase, ClientPhase::end_of_data);
    EXPECT_EQ(outcome.failure_of(2).command, "end of data");
    EXPECT_TRUE(outcome.failure_of(2).is_permanent());
    EXPECT_EQ(outcome.failure_of(2).reply.enhanced, (EnhancedCode{5, 2, 2}));
    EXPECT_FALSE(outcome.failure_of(4).is_permanent());
    EXPECT_EQ(server_.mails.at(0).recipients, (std::vector<std::string>{"RCPT TO:<a@c>", "RCPT TO:<b@c>"}));
    EXPECT_TRUE(client_->usable());
    EXPECT_EQ(server_.count_of("RSET"), 0U);
  }
}

TEST_F(LmtpClientTest, TheSameRecipientTwiceIsAnsweredTwice) {
  server_.offer = kFullOffer;
  int nth = 0;
  server_.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with(".")) return ++nth == 1 ? "250 first" : "550 second";
    return std::nullopt;
  };
  connect();
  EXPECT_FALSE(hello());
  const TransactionOutcome outcome = send({"x@c", "x@c"}, "t\r\n");
  EXPECT_TRUE(outcome.recipients[0].delivered);
  EXPECT_EQ(outcome.failure_of(1).reply.code, 550);
}

TEST_F(LmtpClientTest, AConnectionThatBreaksBetweenTheAnswersLeavesTheRestInDoubt) {
  for (const char* how : {"close", "silence", "nonsense"}) {
    SCOPED_TRACE(how);
    const bool is_silent = std::string_view(how) == "silence";
    begin_again();
    script(".RCPT TO:<b@", "550 5.7.1 not for me");
    script(".RCPT TO:<c@", std::string_view(how) == "close"     ? std::string(FakeServer::kClose)
                           : std::string_view(how) == "silence" ? std::string(FakeServer::kSilent)
                                                                : "what?");
    if (is_silent) script(".RCPT TO:<d@", std::string(FakeServer::kSilent));
    connect();
    EXPECT_FALSE(hello());
    const TransactionOutcome outcome = send({"a@c", "b@c", "c@c", "d@c"}, "t\r\n", is_silent ? 600'010 : 0);
    EXPECT_TRUE(outcome.recipients[0].delivered);
    EXPECT_TRUE(outcome.failure_of(1).is_permanent());
    ASSERT_TRUE(outcome.failure);
    EXPECT_TRUE(outcome.in_doubt);
    for (const std::size_t rest : {2U, 3U}) {
      EXPECT_FALSE(outcome.recipients[rest].delivered);
      EXPECT_EQ(&outcome.failure_of(rest), &*outcome.failure);
      EXPECT_FALSE(outcome.failure_of(rest).is_permanent());
    }
    EXPECT_FALSE(client_->usable());
  }
}

TEST_F(LmtpClientTest, A421EndsItForThoseThatWereNotAnswered) {
  begin_again();
  script(".RCPT TO:<b@", "421 4.3.2 going down");
  connect();
  EXPECT_FALSE(hello());
  const TransactionOutcome outcome = send({"a@c", "b@c", "c@c"}, "t\r\n");
  EXPECT_TRUE(outcome.recipients[0].delivered);
  EXPECT_EQ(outcome.failure_of(1).reply.code, 421);
  EXPECT_EQ(outcome.failure_of(2).reply.code, 421);
  EXPECT_FALSE(outcome.in_doubt);
  EXPECT_FALSE(client_->usable());
}

// What the server says is cut off behind each byte: an answer counts when it is whole, and never earlier.
TEST_F(LmtpClientTest, AnswersCutAtEveryByte) {
  const std::string one = "250-2.0.0 first\r\n250 2.0.0 line\r\n";
  const std::string two = "450 4.2.1 busy\r\n";
  const std::string three = "250 2.0.0 third\r\n";
  for (const std::size_t fragment : {0UL, 1UL}) {
    const auto prepare = [&] {
      begin_again();
      server_.fragment_bytes = fragment;
      script(".RCPT TO:<a@", "250-2.0.0 first\n250 2.0.0 line");
      script(".RCPT TO:<b@", "450 4.2.1 busy");
      script(".RCPT TO:<c@", "250 2.0.0 third");
    };
    prepare();
    connect();
    EXPECT_FALSE(hello());
    std::size_t before = 0;  // bytes until the text is answered
    for (std::size_t most = 1; before == 0; ++most) {
      prepare();
      server_.sends_at_most = most;
      connect();
      if (hello()) continue;
      if (send({"a@c", "b@c", "c@c"}, "t\r\n").in_doubt) before = most;
    }
    for (std::size_t cut = 0; cut <= one.size() + two.size() + three.size(); ++cut) {
      prepare();
      server_.sends_at_most = before + cut;
      connect();
      EXPECT_FALSE(hello());
      const TransactionOutcome outcome = send({"a@c", "b@c", "c@c"}, "t\r\n");
      EXPECT_EQ(outcome.recipients[0].delivered, cut >= one.size()) << cut;
      EXPECT_EQ(outcome.recipients[1].failure.has_value(), cut >= one.size() + two.size()) << cut;
      EXPECT_FALSE(outcome.recipients[1].delivered);
      EXPECT_EQ(outcome.recipients[2].delivered, cut == one.size() + two.size() + three.size()) << cut;
      EXPECT_EQ(outcome.in_doubt, cut < one.size() + two.size() + three.size()) << cut;
      EXPECT_EQ(outcome.failure.has_value(), outcome.in_doubt);
      EXPECT_FALSE(client_->usable());
    }
  }
}

TEST_F(LmtpClientTest, WithoutRecipientsNoTextIsSent) {
  for (const bool takes_data : {false, true}) {
    begin_again();
    script("RCPT", "550 no");
    script("DATA", takes_data ? "354 go on" : "503 no recipients");
    connect(false);
    EXPECT_FALSE(hello());
    const TransactionOutcome outcome = send({"no@c.example"}, "t\r\n");
    EXPECT_FALSE(outcome.failure);
    EXPECT_TRUE(outcome.failure_of(0).is_permanent());
    EXPECT_TRUE(server_.mails.empty());
    EXPECT_EQ(client_->usable(), !takes_data);  // how many replies would come for nobody?
  }
}

TEST_F(LmtpClientTest, QuotaIsIgnoredWhereThatIsWantedAndOffered) {
  for (const bool wanted : {false, true}) {
    for (const bool offered : {false, true}) {
      begin_again();
      if (offered) server_.offer.insert(server_.offer.begin(), "IGNOREQUOTA");
      ClientTest::connect({.helo_name = "gw.example", .timeouts = {}, .lmtp = true, .ignore_quota = wanted});
      EXPECT_FALSE(hello());
      EXPECT_EQ(client_->offer().ignore_quota, offered);
      EXPECT_FALSE(send({"x@c"}, "t\r\n").failure);
      EXPECT_EQ(server_.commands[2], wanted && offered ? "RCPT TO:<x@c> IGNOREQUOTA" : "RCPT TO:<x@c>");
    }
  }
}

TEST_F(LmtpClientTest, OfALongAnswerTheBeginningIsKept) {
  begin_again();
  script(".RCPT", "250 " + std::string(4000, 'y'), 1);
  script(".RCPT", "550 5.1.1 " + std::string(4000, 'n'), 2);
  connect();
  EXPECT_FALSE(hello());
  const TransactionOutcome outcome = send({"x@c", "y@c"}, "t\r\n");
  EXPECT_EQ(outcome.accepted_by(0).text.size(), 2048U);
  EXPECT_EQ(outcome.failure_of(1).reply.text.size(), 2048U);
  EXPECT_EQ(outcome.failure_of(1).reply.enhanced, (EnhancedCode{5, 1, 1}));
}

TEST_F(ClientTest, QuitIsSaidOnceAndOnlyInStep) {
  connect();
  EXPECT_FALSE(hello());
  run(client_->quit(&stop_));
  run(client_->quit(&stop_));
  EXPECT_EQ(server_.count_of("QUIT"), 1U);
  EXPECT_FALSE(client_->usable());
}

}  // namespace
}  // namespace postern::smtp
