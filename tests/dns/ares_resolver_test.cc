// The resolver with datagrams that are answered in this process; connections are real.
#include "net/dns/ares_resolver.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "net/dns/message_testing.h"
#include "net/dns/names.h"
#include "net/transport/transport_testing.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"

namespace postern::dns {
namespace {

using namespace std::string_view_literals;

// A server's mind: a query to what it answers; nothing is silence.
using Server = std::function<std::optional<std::string>(std::string_view query)>;

std::uint16_t id_of(std::string_view query) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(query[0]) << 8U | static_cast<unsigned char>(query[1]));
}

class FakeDatagrams final : public DatagramSockets {
 public:
  std::map<SocketAddress, Server> servers;
  std::vector<std::string> sent;
  std::vector<int> ports;  // of those sent
  int opened = 0;
  int closed = 0;

  Result<std::unique_ptr<DatagramSocket>> connect(SocketAddress to, DatagramReceiver& receiver) override {
    return std::unique_ptr<DatagramSocket>(std::make_unique<Socket>(*this, to, receiver));
  }

 private:
  struct Socket final : DatagramSocket {
    Socket(FakeDatagrams& home, SocketAddress to, DatagramReceiver& receiver)
        : home(home), to(to), receiver(receiver), port(++home.opened) {}
    void send(std::string bytes) override {
      home.sent.push_back(bytes);
      home.ports.push_back(port);
      const auto server = home.servers.find(to);
      if (server == home.servers.end()) return replies.start(refuse(*this));
      if (auto reply = server->second(bytes)) replies.start(deliver(*this, std::move(*reply)));
    }
    Task<void> close() override {
      closed = true;
      ++home.closed;
      co_await replies.close();
    }
    static Task<void> deliver(Socket& socket, std::string reply) {
      co_await Yield{};
      if (!socket.closed) socket.receiver.on_datagram(reply);
    }
    static Task<void> refuse(Socket& socket) {
      co_await Yield{};
      if (!socket.closed) socket.receiver.on_datagram_error(error_from_errno(ECONNREFUSED, "receive datagram"));
    }
    FakeDatagrams& home;
    SocketAddress to;
    DatagramReceiver& receiver;
    int port;
    Gate replies;
    bool closed = false;
  };
};

const Question kQuestion{*name_to_wire("www.example.org"), Type::a};
ReplyMaker reply_to(std::string_view query) { return ReplyMaker(kQuestion, id_of(query)); }
std::string good_reply(std::string_view query) {
  return reply_to(query).authentic().answer("www.example.org", Type::a, 300, "\xc0\0\2\1"sv).make();
}

class AresResolverTest : public testing::Test {
 public:
  AresResolverTest() {
    first_ = {IpAddress::v4(0x7f000001), rig_.address_.port};
    second_ = {IpAddress::v4(0xc0000202), 53};
    settings_.servers = {first_};
    settings_.timeout_ms = 40;
  }
  void run(Task<void> test) {
    resolver_.emplace(AresResolver::Network{datagrams_, connector_, rig_.blocks_, random_}, settings_, cache_);
    rig_.run(play(*this, std::move(test)));
  }
  static Task<void> play(AresResolverTest& test, Task<void> body) {
    co_await body;
    co_await test.resolver_->close();
  }
  Task<Answer> ask(std::string name = "www.example.org", Type type = Type::a, QueryOptions options = {}) {
    return resolver_->query(std::move(name), type, options);
  }

  transport::Rig rig_;
  transport::UringConnector connector_{*rig_.pool_};
  FakeDatagrams datagrams_;
  SeededRandom random_{1};
  SocketAddress first_;
  SocketAddress second_;
  ResolverSettings settings_;
  CacheLimits cache_;
  std::optional<AresResolver> resolver_;
};

TEST_F(AresResolverTest, AsksOnceAndRemembers) {
  datagrams_.servers[first_] = good_reply;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_EQ(test.resolver_->cached("www.example.org", Type::a), nullptr);
    const Answer answer = co_await test.ask();
    EXPECT_EQ(answer.status, Status::ok) << answer.why;
    EXPECT_TRUE(answer.authenticated) << "the server is on loopback";
    EXPECT_FALSE(answer.from_cache);
    EXPECT_TRUE((co_await test.ask("WWW.example.org.")).from_cache);
    EXPECT_NE(test.resolver_->cached("www.example.org", Type::a), nullptr);
    EXPECT_EQ(test.resolver_->stats().from_cache.get(), 2U);
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 1U);
}

TEST_F(AresResolverTest, AServerElsewhereIsNotBelieved) {
  datagrams_.servers[second_] = good_reply;
  settings_.servers = {second_};
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> { EXPECT_FALSE((co_await test.ask()).authenticated); };
  run(body(*this));
}

TEST_F(AresResolverTest, UnlessItIsNamedAsTrusted) {
  datagrams_.servers[second_] = good_reply;
  settings_.servers = {second_};
  settings_.dnssec_trusted = {second_.address};
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> { EXPECT_TRUE((co_await test.ask()).authenticated); };
  run(body(*this));
}

TEST_F(AresResolverTest, TheNextServerIsAskedAfterSilenceFailureAndRefusal) {
  datagrams_.servers[second_] = good_reply;
  settings_.servers = {first_, second_};
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    // Nobody there.
    EXPECT_TRUE((co_await test.ask()).found());
    // SERVFAIL, with another name so that the cache does not know it.
    test.datagrams_.servers[test.first_] = [](std::string_view query) { return reply_to(query).code(2).make(); };
    EXPECT_EQ((co_await test.ask("www.EXAMPLE.org", Type::a, {.dnssec = true})).status, Status::ok);
    EXPECT_EQ(test.resolver_->stats().timeouts.get(), 0U);
  };
  run(body(*this));
}

TEST_F(AresResolverTest, SilenceIsRepeatedAndThenATemporaryFailure) {
  datagrams_.servers[first_] = [](std::string_view) { return std::nullopt; };
  settings_.attempts = 2;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    const Answer answer = co_await test.ask();
    EXPECT_EQ(answer.status, Status::temporary_failure);
    EXPECT_EQ(answer.why, "no answer from " + test.first_.to_string() + " in 40ms");
    EXPECT_EQ(answer.name.view(), "www.example.org");
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 2U);
  EXPECT_EQ(resolver_->stats().timeouts.get(), 2U);
  EXPECT_EQ(resolver_->stats().failures.get(), 1U);
}

TEST_F(AresResolverTest, ServerFailureIsNeverAnAbsence) {
  datagrams_.servers[first_] = [](std::string_view query) { return reply_to(query).code(2).make(); };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    const Answer answer = co_await test.ask();
    EXPECT_EQ(answer.status, Status::temporary_failure);
    EXPECT_EQ(answer.why, "SERVFAIL from " + test.first_.to_string());
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 1U) << "it would say the same again";
}

TEST_F(AresResolverTest, UnlessTheConfigurationSaysSo) {
  datagrams_.servers[first_] = [](std::string_view query) { return reply_to(query).code(2).make(); };
  settings_.again_means_nonexist = [](std::string_view name) { return name == "www.example.org"; };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_EQ((co_await test.ask()).status, Status::nxdomain);
    EXPECT_EQ((co_await test.ask("other.example.org")).status, Status::temporary_failure);
  };
  run(body(*this));
}

TEST_F(AresResolverTest, RepliesThatAreNotOursAreNotHeard) {
  datagrams_.servers[first_] = [](std::string_view query) {
    return ReplyMaker({*name_to_wire("evil.example"), Type::a}, id_of(query))
        .answer("www.example.org", Type::a, 300, "\1\1\1\1")
        .make();
  };
  settings_.attempts = 1;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_EQ((co_await test.ask()).status, Status::temporary_failure);
  };
  run(body(*this));
}

TEST_F(AresResolverTest, AForgerHasToGuessThePort) {
  settings_.servers = {second_};
  datagrams_.servers[second_] = [](std::string_view query) {
    std::string name;
    for (std::size_t at = 12; query[at] != 0; at += static_cast<std::size_t>(query[at]) + 1)
      name.append(name.empty() ? "" : ".").append(query.substr(at + 1, static_cast<std::size_t>(query[at])));
    return ReplyMaker({*name_to_wire(name), Type::a}, id_of(query)).answer(name, Type::a, 300, "\xc0\0\2\1"sv).make();
  };
  static constexpr std::uint32_t kQuestions = ServerPorts::kPorts * ServerPorts::kQuestionsOfPort * 3;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    for (std::uint32_t i = 0; i < kQuestions; ++i)
      EXPECT_TRUE((co_await test.ask("a" + std::to_string(i) + ".example.org")).found());
    // Those given up are closed, but for one that nobody came by yet.
    EXPECT_LE(static_cast<std::size_t>(test.datagrams_.opened - test.datagrams_.closed), ServerPorts::kPorts + 1);
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.closed, datagrams_.opened);
  std::map<int, std::uint32_t> asked;
  for (const int port : datagrams_.ports) ++asked[port];
  EXPECT_GE(asked.size(), ServerPorts::kPorts * 2);
  for (const auto& [port, count] : asked) EXPECT_LE(count, ServerPorts::kQuestionsOfPort) << port;
  const std::set<int> first(datagrams_.ports.begin(), datagrams_.ports.begin() + 64);
  EXPECT_GE(first.size(), ServerPorts::kPorts / 2);
}

TEST_F(AresResolverTest, ToLoopbackThereIsOnePort) {
  datagrams_.servers[first_] = good_reply;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((co_await test.ask("www.example.org", Type::a, {.dnssec = i == 1})).found());
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.opened, 1);
}

TEST_F(AresResolverTest, AServerWithoutEdnsIsAskedWithoutIt) {
  datagrams_.servers[first_] = [](std::string_view query) {
    return query[11] == 1 ? reply_to(query).code(1).make() : good_reply(query);
  };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> { EXPECT_TRUE((co_await test.ask()).found()); };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 2U);
}

TEST_F(AresResolverTest, ATruncatedReplyIsAskedForOverAConnection) {
  datagrams_.servers[first_] = [](std::string_view query) { return reply_to(query).truncated().make(); };
  static constexpr auto serve = [](AresResolverTest& test) -> Task<void> {
    std::unique_ptr<Stream> stream = co_await test.rig_.accept();
    std::string query;
    while (query.size() < 2 || query.size() < 2U + static_cast<unsigned char>(query[1])) {
      const Result<Slice> slice = co_await stream->read(test.rig_.soon());
      if (!slice) break;
      query += slice->view();
    }
    const std::string reply = good_reply(std::string_view(query).substr(2));
    std::string framed{static_cast<char>(reply.size() >> 8U), static_cast<char>(reply.size())};
    static_cast<void>(co_await stream->write(test.rig_.text(framed + reply, 7), test.rig_.soon()));
    static_cast<void>(co_await stream->drain(test.rig_.soon()));
    co_await stream->close();
  };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    Gate gate;
    gate.start(serve(test));
    const Answer answer = co_await test.ask();
    EXPECT_EQ(answer.status, Status::ok) << answer.why;
    co_await gate.close();
  };
  settings_.timeout_ms = 20'000;
  run(body(*this));
  EXPECT_EQ(resolver_->stats().over_stream.get(), 1U);
}

TEST_F(AresResolverTest, AWaitThatEndsLeavesNothingBehind) {
  datagrams_.servers[first_] = [](std::string_view) { return std::nullopt; };
  settings_.timeout_ms = 20'000;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    StopSource stop;
    stop.request_stop();
    EXPECT_EQ((co_await test.ask("www.example.org", Type::a, {.wait = {Instant::never(), &stop}})).status,
              Status::temporary_failure);
    EXPECT_EQ((co_await test.ask("www.example.org", Type::a, {.wait = test.rig_.within_ms(5)})).status,
              Status::temporary_failure);
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 2U);
}

TEST_F(AresResolverTest, EqualQuestionsAreAskedOnce) {
  datagrams_.servers[first_] = good_reply;
  static constexpr auto one = [](AresResolverTest& test, const char* name) -> Task<void> {
    EXPECT_EQ((co_await test.ask(name)).status, Status::ok);
  };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    Gate gate;
    for (int i = 0; i < 100; ++i) gate.start(one(test, i % 2 == 0 ? "www.example.org" : "WWW.Example.ORG."));
    co_await gate.close();
    EXPECT_EQ(test.resolver_->stats().joined.get(), 99U);
    // Who wants signatures asks for more.
    EXPECT_EQ((co_await test.ask("www.example.org", Type::a, {.dnssec = true})).status, Status::ok);
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 1U) << "the answer of a server that is believed is authentic: enough for both";
}

// The first to ask does not take the answer away from others when it leaves.
TEST_F(AresResolverTest, EachAskerHasItsOwnPatience) {
  datagrams_.servers[first_] = [this](std::string_view query) -> std::optional<std::string> {
    return datagrams_.sent.size() < 2 ? std::nullopt : std::optional(good_reply(query));
  };
  settings_.timeout_ms = 60;
  static constexpr auto one = [](AresResolverTest& test, Wait wait, Status expected) -> Task<void> {
    EXPECT_EQ((co_await test.ask("www.example.org", Type::a, {.wait = wait})).status, expected);
  };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    StopSource stop;
    Gate gate;
    gate.start(one(test, {Instant::never(), &stop}, Status::temporary_failure));
    gate.start(one(test, test.rig_.within_ms(5), Status::temporary_failure));
    gate.start(one(test, {}, Status::ok));
    stop.request_stop();
    co_await gate.close();
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 2U);
}

// After the last has left, the next starts anew and is not told that somebody stopped.
TEST_F(AresResolverTest, WhoComesAfterTheLastHasLeftAsksAnew) {
  datagrams_.servers[first_] = [](std::string_view) { return std::nullopt; };
  settings_.timeout_ms = 20'000;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    StopSource stop;
    stop.request_stop();
    EXPECT_EQ((co_await test.ask("www.example.org", Type::a, {.wait = {Instant::never(), &stop}})).status,
              Status::temporary_failure);
    test.datagrams_.servers[test.first_] = good_reply;
    EXPECT_EQ((co_await test.ask()).status, Status::ok);
  };
  run(body(*this));
}

TEST_F(AresResolverTest, AnAnswerPastItsTtlStandsInWhenNoServerSaysAnything) {
  datagrams_.servers[first_] = good_reply;
  cache_ = {.ttl_min_s = 0, .ttl_max_s = 1};
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_TRUE((co_await test.ask()).authenticated);
    test.datagrams_.servers[test.first_] = [](std::string_view query) { return reply_to(query).code(2).make(); };
    (void)co_await sleep_until(Scheduler::current().now().plus_ms(1'100));
    const Answer answer = co_await test.ask();
    EXPECT_EQ(answer.status, Status::ok) << answer.why;
    EXPECT_TRUE(answer.stale);
    EXPECT_FALSE(answer.authenticated);
    EXPECT_EQ(test.datagrams_.sent.size(), 2U);
    EXPECT_TRUE((co_await test.ask()).stale);
    EXPECT_EQ(test.datagrams_.sent.size(), 2U) << "servers that say nothing are not asked at once again";
    EXPECT_EQ(test.resolver_->stats().stale.get(), 2U);
    EXPECT_EQ(test.resolver_->stats().failures.get(), 0U);
  };
  run(body(*this));
}

// The question goes on without those who were content with the old answer, and its reply is kept.
TEST_F(AresResolverTest, ASlowServerIsNotWaitedForLongWhereAnAnswerStandsIn) {
  datagrams_.servers[first_] = good_reply;
  cache_ = {.ttl_min_s = 0, .ttl_max_s = 1};
  settings_.stale_after_ms = 5;
  settings_.timeout_ms = 60;
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_EQ((co_await test.ask()).status, Status::ok);
    (void)co_await sleep_until(Scheduler::current().now().plus_ms(1'100));
    test.datagrams_.servers[test.first_] = [&test](std::string_view query) -> std::optional<std::string> {
      return test.datagrams_.sent.size() < 3 ? std::nullopt : std::optional(good_reply(query));
    };
    EXPECT_TRUE((co_await test.ask()).stale);
    EXPECT_EQ(test.datagrams_.sent.size(), 2U);
    (void)co_await sleep_until(Scheduler::current().now().plus_ms(200));
    EXPECT_EQ(test.datagrams_.sent.size(), 3U);
    const Answer* kept = test.resolver_->cached("www.example.org", Type::a);
    EXPECT_TRUE(kept != nullptr && !kept->stale);
  };
  run(body(*this));
}

TEST_F(AresResolverTest, NamesThatCannotBeDoNotExist) {
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    EXPECT_EQ((co_await test.ask("a..b")).status, Status::nxdomain);
    EXPECT_EQ((co_await test.ask(std::string(64, 'x') + ".example")).status, Status::nxdomain);
  };
  run(body(*this));
  EXPECT_TRUE(datagrams_.sent.empty());
}

TEST_F(AresResolverTest, SearchEndingsAreTried) {
  settings_.search = {"example.com", "example.org"};
  datagrams_.servers[first_] = [](std::string_view query) -> std::optional<std::string> {
    if (query.find("\7example\3org") != std::string_view::npos) return good_reply(query);
    const Question question{*name_to_wire("www.example.com"), Type::a};
    return ReplyMaker(question, id_of(query)).code(3).authority_ttl(60, 60).make();
  };
  static constexpr auto body = [](AresResolverTest& test) -> Task<void> {
    const Answer answer = co_await test.ask("www", Type::a, {.search = true});
    EXPECT_EQ(answer.status, Status::ok) << answer.why;
    EXPECT_EQ(answer.name.view(), "www.example.org");
  };
  run(body(*this));
  EXPECT_EQ(datagrams_.sent.size(), 2U);
}

// Through the kernel: what one turn asks leaves in one system call.
TEST_F(AresResolverTest, QuestionsOfOneTurnLeaveInOneSubmission) {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_storage address{};
  const unsigned length = SocketAddress{IpAddress::v4(0x7f000001), 0}.to_sockaddr(address);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
  auto real = *transport::UringDatagrams::create(*rig_.ring_);
  settings_.servers = {*transport::bound_address(descriptor)};
  settings_.timeout_ms = 100;
  settings_.attempts = 1;
  AresResolver resolver({*real, connector_, rig_.blocks_, random_}, settings_);
  static constexpr auto one = [](AresResolver& asked, int number) -> Task<void> {
    EXPECT_EQ((co_await asked.query("n" + std::to_string(number) + ".example", Type::a, {})).status, Status::temporary_failure);
  };
  static constexpr auto body = [](AresResolverTest& test, AresResolver& asked, int server) -> Task<void> {
    co_await Yield{};
    const std::uint64_t enters = test.rig_.ring_->stats().enters.get();
    Gate gate;
    for (int i = 0; i < 20; ++i) gate.start(one(asked, i));
    co_await Yield{};
    EXPECT_LE(test.rig_.ring_->stats().enters.get(), enters + 1);
    char buffer[512];
    int arrived = 0;
    while (::recv(server, buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++arrived;
    EXPECT_EQ(arrived, 20);
    co_await gate.close();
    co_await asked.close();
  };
  rig_.run(body(*this, resolver, descriptor));
  ::close(descriptor);
}

}  // namespace
}  // namespace postern::dns
