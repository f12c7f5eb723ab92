// Conversations with a fake daemon on fake streams: what it is told and when, what becomes of its answers and its silences.
#include "policy/dcc/dcc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/coro/manual_scheduler.h"
#include "tests/fakes/fake_connector.h"
#include "tests/fakes/fake_stream.h"
#include "tests/fakes/run_task.h"

namespace postern::dcc {
namespace {

constexpr std::string_view kPath = "/run/dccifd";
constexpr std::string_view kHeader = "Subject: x\r\n\r\n";
constexpr std::string_view kAccepted = "A\nA\nX-DCC-fake-Metrics: gw 1; Body=1\n\n";
constexpr std::string_view kEnvelope = "header\n192.0.2.1\nmail.example\na@example.org\nb@example.net\n\n";

class DccClient : public ::testing::Test {
 public:
  DccClient() { listen(); }
  ~DccClient() override { close(); }

  void listen() {
    connector_.listen(std::string(kPath), [this] { return daemons_.emplace_back().make_stream(); });
  }
  void use(std::string_view address) {
    close();
    client_.emplace(connector_, parse_daemon_address(address).value());
  }
  void close() {
    if (!client_) return;
    Gate gate;
    gate.start(client_->close());
    scheduler_.run();
    client_.reset();
  }
  [[nodiscard]] static Request request() {
    Request request;
    request.client = IpAddress::v4(0xc0000201);
    request.helo = PeerText("mail.example");
    request.sender = PeerText("a@example.org");
    request.recipients = {PeerText("b@example.net")};
    return request;
  }
  [[nodiscard]] std::unique_ptr<Check> start(const Request& with = request()) {
    std::unique_ptr<Check> check = client_->start(with, PeerView(kHeader));
    scheduler_.run();
    return check;
  }
  bool feed(Check& check, std::string_view text) {
    const bool has_room = check.feed(copy_to_slice(pool_, text));
    scheduler_.run();
    return has_room;
  }

  // finish(), begun and perhaps ended.
  struct Ending {
    std::optional<Result> result;
  };
  void finish(Check& check, Ending& ending, Wait wait = {}) {
    gate_.start(keep(check, ending, wait));
    scheduler_.run();
  }
  static Task<void> keep(Check& check, Ending& ending, Wait wait) { ending.result = co_await check.finish(wait); }
  static Task<void> await_room(Check& check, bool& has_room) {
    co_await check.room({});
    has_room = true;
  }

  // One message from start to end, answered with `reply` by the daemon at the newest connection.
  Result ask(std::string_view reply, bool hangs_up = true) {
    const std::unique_ptr<Check> check = start();
    Ending ending;
    finish(*check, ending);
    POSTERN_CHECK(!ending.result);
    for (; !reply.empty(); reply.remove_prefix(std::min<std::size_t>(reply.size(), 50'000)))
      daemons_.back().send(reply.substr(0, 50'000));
    if (hangs_up) daemons_.back().fail_input(Errc::closed);
    scheduler_.run();
    return std::move(ending.result).value();
  }
  std::string ask_in_vain() {
    const std::unique_ptr<Check> check = start();
    Ending ending;
    finish(*check, ending);
    const Result result = std::move(ending.result).value();
    EXPECT_EQ(result.status, Status::failed);
    return result.log;
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  smtp::testing::FakeConnector connector_;
  std::deque<smtp::FakePeer> daemons_;  // one for each connection
  std::optional<Client> client_{std::in_place, connector_, parse_daemon_address(kPath).value()};
  Gate gate_;
};

TEST_F(DccClient, TellsTheMessageAsItArrives) {
  const std::unique_ptr<Check> check = start();
  ASSERT_EQ(daemons_.size(), 1U);
  smtp::FakePeer& daemon = daemons_.front();
  EXPECT_EQ(daemon.received(), std::string(kEnvelope) + std::string(kHeader));
  EXPECT_TRUE(feed(*check, "one\r\n"));
  EXPECT_EQ(daemon.received(), "one\r\n");
  EXPECT_TRUE(feed(*check, ".two\r\n"));
  EXPECT_EQ(daemon.received(), ".two\r\n");
  EXPECT_FALSE(daemon.is_shut_down());
  Ending ending;
  finish(*check, ending);
  EXPECT_TRUE(daemon.is_shut_down());
  EXPECT_FALSE(ending.result);
  daemon.send(kAccepted);
  scheduler_.run();
  ASSERT_TRUE(ending.result);
  EXPECT_EQ(ending.result->status, Status::accept);
  EXPECT_EQ(ending.result->letter, "A");
  EXPECT_EQ(ending.result->recipients, "A");
  EXPECT_EQ(ending.result->header.view(), "X-DCC-fake-Metrics: gw 1; Body=1\n");
  EXPECT_TRUE(daemon.is_closed());
}

TEST_F(DccClient, OverTcpInBothFamilies) {
  for (const std::string_view address : {"127.0.0.1 1025", "::1 1025"}) {
    use(address);
    const SocketAddress to = parse_daemon_address(address).value().address;
    connector_.listen(to, [this] { return daemons_.emplace_back().make_stream(); });
    EXPECT_EQ(ask(kAccepted).letter, "A") << address;
    EXPECT_EQ(connector_.attempts[to], 1);
  }
  EXPECT_EQ(connector_.local_attempts.size(), 0U);
}

TEST_F(DccClient, Answers) {
  EXPECT_EQ(ask("R\nR\n\n").status, Status::reject);
  const Result greylisted = ask("G\nG\n\n");
  EXPECT_EQ(greylisted.status, Status::reject);
  EXPECT_EQ(greylisted.letter, "G");
  EXPECT_EQ(greylisted.recipients, "G");
  EXPECT_EQ(ask("T\n\n").status, Status::defer);
  EXPECT_EQ(ask("220 smtp.example\n\n\n").letter, "T");
  EXPECT_EQ(daemons_.size(), 4U) << "one connection a message";
}

TEST_F(DccClient, AnswersCutAtEveryByte) {
  for (std::size_t i = 0; i < kAccepted.size(); ++i) {
    const Result result = ask(kAccepted.substr(0, i));
    EXPECT_EQ(result.status, i < 4 ? Status::failed : Status::accept) << i;
    if (i < 4) EXPECT_EQ(result.log, "DCC: /run/dccifd: it hung up before it had answered");
    daemons_.clear();
  }
}

TEST_F(DccClient, AHeaderWithoutAnEndGetsOne) {
  const std::unique_ptr<Check> check = client_->start(request(), PeerView("Subject: x\r\n"));
  Ending ending;
  finish(*check, ending);
  EXPECT_EQ(daemons_.front().received(), std::string(kEnvelope) + "Subject: x\r\n\r\n");
  daemons_.front().send(kAccepted);
  scheduler_.run();
  EXPECT_TRUE(ending.result);
}

TEST_F(DccClient, ARequestThatCannotBeToldFails) {
  Request bad = request();
  bad.sender = PeerText(std::string(kFieldBytesMax + 1, 's'));
  const std::unique_ptr<Check> check = start(bad);
  EXPECT_TRUE(feed(*check, "body"));
  Ending ending;
  finish(*check, ending);
  EXPECT_EQ(ending.result.value().log, "DCC: the sender is too long for dccifd");
  EXPECT_TRUE(daemons_.empty());
}

TEST_F(DccClient, ADaemonThatIsAwayRests) {
  use("/nowhere");
  const std::string first = ask_in_vain();
  EXPECT_TRUE(first.starts_with("DCC: /nowhere: connection failed: ")) << first;
  const std::string second = ask_in_vain();
  EXPECT_TRUE(second.starts_with("DCC: it is down: /nowhere: connection failed: ")) << second;
  EXPECT_EQ(connector_.local_attempts["/nowhere"], 1);
  scheduler_.advance_ms(Client::kDownMs);
  EXPECT_EQ(ask_in_vain(), first);
  EXPECT_EQ(connector_.local_attempts["/nowhere"], 2);
}

TEST_F(DccClient, AConnectionThatDoesNotStandEnds) {
  use("192.0.2.9 1025");
  connector_.delay_ms = 60'000;
  const std::unique_ptr<Check> check = start();
  scheduler_.advance_ms(Client::kConnectMs + 1);
  Ending ending;
  finish(*check, ending);
  EXPECT_TRUE(ending.result.value().log.contains("connection failed")) << ending.result->log;
}

TEST_F(DccClient, ASilentDaemonIsGivenUpAndRests) {
  const std::unique_ptr<Check> check = start();
  Ending ending;
  finish(*check, ending);
  scheduler_.advance_ms(Client::kReplyMs - 10);
  EXPECT_FALSE(ending.result);
  scheduler_.advance_ms(20);
  EXPECT_EQ(ending.result.value().log, "DCC: /run/dccifd: no answer: read: timed out");
  EXPECT_TRUE(daemons_.front().is_closed());
  EXPECT_TRUE(ask_in_vain().starts_with("DCC: it is down: "));
}

TEST_F(DccClient, ADripEndsInTheSameTime) {
  const std::unique_ptr<Check> check = start();
  Ending ending;
  finish(*check, ending);
  daemons_.front().send("A\nA\nX-DCC-x: ");
  for (int i = 0; i < 31 && !ending.result; ++i) {
    daemons_.front().send("y");
    scheduler_.advance_ms(1000);
  }
  EXPECT_EQ(ending.result.value().status, Status::failed);
}

TEST_F(DccClient, AFloodIsCutOff) {
  const Result result = ask("A\nA\n" + std::string(60'000, 'x') + "\n" + std::string(60'000, 'x'), false);
  EXPECT_EQ(result.log, "DCC: /run/dccifd: its reply is too long");
  EXPECT_TRUE(daemons_.front().is_closed());
  EXPECT_EQ(ask(kAccepted).letter, "A") << "wrong, and not away";
}

TEST_F(DccClient, TheCallersTimeIsKept) {
  const std::unique_ptr<Check> check = start();
  Ending ending;
  finish(*check, ending, {.deadline = scheduler_.now().plus_ms(500)});
  scheduler_.advance_ms(501);
  EXPECT_EQ(ending.result.value().log, "DCC: no answer in the time there was");
  EXPECT_TRUE(daemons_.front().is_closed());
  EXPECT_EQ(ask(kAccepted).letter, "A") << "little patience says nothing about the daemon";

  StopSource stop;
  const std::unique_ptr<Check> stopped = start();
  Ending stopped_ending;
  finish(*stopped, stopped_ending, {.deadline = Instant::never(), .stop = &stop});
  stop.request_stop();
  scheduler_.run();
  EXPECT_EQ(stopped_ending.result.value().log, "DCC: the check was stopped");
  EXPECT_TRUE(daemons_.back().is_closed());
}

TEST_F(DccClient, AConnectionThatBreaks) {
  const std::unique_ptr<Check> check = start();
  daemons_.front().fail_output(Errc::reset);
  EXPECT_TRUE(feed(*check, "body"));
  EXPECT_TRUE(daemons_.front().is_closed());
  EXPECT_TRUE(feed(*check, std::string(60'000, 'b')));
  Ending ending;
  finish(*check, ending);
  EXPECT_TRUE(ending.result.value().log.starts_with("DCC: /run/dccifd: the message could not be sent: ")) << ending.result->log;

  const std::unique_ptr<Check> other = start();
  Ending other_ending;
  finish(*other, other_ending);
  daemons_.back().send("A\n");
  daemons_.back().fail_input(Errc::reset);
  scheduler_.run();
  EXPECT_TRUE(other_ending.result.value().log.starts_with("DCC: /run/dccifd: no answer: ")) << other_ending.result->log;
}

TEST_F(DccClient, TheSenderPausesForADaemonThatDoesNotRead) {
  const std::unique_ptr<Check> check = start();
  smtp::FakePeer& daemon = daemons_.front();
  daemon.stop_reading();
  const std::string piece(16 * 1024, 'b');
  std::size_t fed = 0;
  while (feed(*check, piece)) ASSERT_LT(fed += piece.size(), 2 * Check::kWaitingBytesMax);
  fed += piece.size();
  EXPECT_GE(fed, Check::kWaitingBytesMax);
  bool has_room = false;
  gate_.start(await_room(*check, has_room));
  scheduler_.run();
  EXPECT_FALSE(has_room);
  daemon.read_again();
  scheduler_.run();
  EXPECT_TRUE(has_room);
  EXPECT_EQ(daemon.received().size(), kEnvelope.size() + kHeader.size() + fed);
  daemon.stop_reading();
  while (feed(*check, piece)) {}
  has_room = false;
  gate_.start(await_room(*check, has_room));
  scheduler_.advance_ms(Client::kWriteMs + 1);
  EXPECT_TRUE(has_room) << "a check that has failed holds nobody up";
  EXPECT_TRUE(feed(*check, piece));
  Ending ending;
  finish(*check, ending);
  EXPECT_EQ(ending.result.value().log, "DCC: /run/dccifd: the message could not be sent: write: timed out");
  EXPECT_LE(pool_.used_bytes(), 0U) << "what was dropped is given back";
}

TEST_F(DccClient, WhoeverDoesNotPauseLosesTheCheck) {
  const std::unique_ptr<Check> check = start();
  daemons_.front().stop_reading();
  const std::string piece(16 * 1024, 'b');
  for (int i = 0; i < 1000; ++i) {
    feed(*check, piece);
    ASSERT_LE(pool_.used_bytes(), 2 * Check::kWaitingBytesMax + 2 * piece.size());
  }
  EXPECT_TRUE(daemons_.front().is_closed());
  Ending ending;
  finish(*check, ending);
  EXPECT_EQ(ending.result.value().log, "DCC: more of the message came than /run/dccifd has read, without a pause");
}

TEST_F(DccClient, CrumbsPinLittle) {
  const std::unique_ptr<Check> check = start();
  daemons_.front().stop_reading();
  feed(*check, std::string(8 * 1024, 'b'));
  const std::size_t before = pool_.used_bytes();
  const Slice large = copy_to_slice(pool_, std::string(60'000, 'c'));
  std::size_t count = 0;
  while (check->feed(large.sub(count * 100, 1)) && count < 500) ++count;
  EXPECT_LE(count, Check::kWaitingBytesMax / 1024) << "each is a block of its own, and counts as one";
  EXPECT_GE(count, Check::kWaitingBytesMax / 1024 - 32);
  EXPECT_EQ(pool_.used_bytes() - before, large.pinned_bytes()) << "the large block is pinned by nobody else";
}

TEST_F(DccClient, OthersWaitForAConnection) {
  std::deque<std::unique_ptr<Check>> checks;
  for (std::size_t i = 0; i < Client::kConnectionsMax; ++i) checks.push_back(start());
  EXPECT_EQ(daemons_.size(), Client::kConnectionsMax);
  const std::unique_ptr<Check> waiting = start();
  const std::unique_ptr<Check> in_vain = start();
  EXPECT_TRUE(feed(*waiting, "body"));
  EXPECT_EQ(daemons_.size(), Client::kConnectionsMax);
  Ending first;
  finish(*checks.front(), first);
  daemons_.front().send(kAccepted);
  scheduler_.run();
  EXPECT_TRUE(first.result);
  ASSERT_EQ(daemons_.size(), Client::kConnectionsMax + 1);
  EXPECT_EQ(daemons_.back().received(), std::string(kEnvelope) + std::string(kHeader) + "body");
  Ending vain;
  finish(*in_vain, vain);
  scheduler_.advance_ms(Client::kTurnMs + 1);
  EXPECT_EQ(vain.result.value().log, "DCC: /run/dccifd: all connections to it are in use");
}

TEST_F(DccClient, NotEndlesslyManyWait) {
  std::deque<std::unique_ptr<Check>> checks;
  for (std::size_t i = 0; i < Client::kConnectionsMax + Client::kWaitingMax; ++i) checks.push_back(start());
  EXPECT_EQ(ask_in_vain(), "DCC: too many messages wait for /run/dccifd");
}

TEST_F(DccClient, ASlowSenderGivesWay) {
  std::deque<std::unique_ptr<Check>> checks;
  for (std::size_t i = 0; i < Client::kConnectionsMax; ++i) checks.push_back(start());
  scheduler_.advance_ms(Client::kHoldMs + 5000);
  EXPECT_TRUE(feed(*checks.front(), "nobody waits")) << "so nobody has to go";
  EXPECT_FALSE(daemons_.front().is_closed());
  const std::unique_ptr<Check> waiting = start();
  scheduler_.advance_ms(1100);
  EXPECT_EQ(daemons_.size(), Client::kConnectionsMax + 1);
  std::size_t gone = 0;
  for (const smtp::FakePeer& daemon : daemons_) gone += daemon.is_closed() ? 1 : 0;
  EXPECT_EQ(gone, 1U) << "one waits, one goes";
}

TEST_F(DccClient, ACheckThatGoesIsGivenUp) {
  {
    const std::unique_ptr<Check> check = start();
    feed(*check, "half a mess");
  }
  scheduler_.run();
  EXPECT_TRUE(daemons_.front().is_closed());
  { const std::unique_ptr<Check> at_once = client_->start(request(), PeerView(kHeader)); }
  scheduler_.run();
  for (const smtp::FakePeer& daemon : daemons_) EXPECT_TRUE(daemon.is_closed());
}

TEST_F(DccClient, ClosingEndsWhatIsUnderWay) {
  const std::unique_ptr<Check> arriving = start();
  const std::unique_ptr<Check> ended = start();
  Ending ending;
  finish(*ended, ending);
  Gate gate;
  gate.start(client_->close());
  scheduler_.run();
  EXPECT_EQ(gate.inside(), 0U);
  EXPECT_EQ(ending.result.value().status, Status::failed);
  EXPECT_TRUE(feed(*arriving, "more"));
  for (const smtp::FakePeer& daemon : daemons_) EXPECT_TRUE(daemon.is_closed());
}

}  // namespace
}  // namespace postern::dcc
