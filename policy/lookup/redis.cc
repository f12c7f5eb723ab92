#include "policy/lookup/redis.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "net/dns/resolver.h"
#include "net/tls/client.h"

namespace postern::lookup {

using Answer = expand::Answer;

struct RedisClient::Connection {
  explicit Connection(std::unique_ptr<Stream> s) : stream(std::move(s)) {}
  std::unique_ptr<Stream> stream;
  RedisReader reader;
};

struct RedisClient::Node {
  explicit Node(RedisServer s) : server(std::move(s)) {}
  RedisServer server;
  Semaphore free{kConnectionsMax};
  std::vector<std::unique_ptr<Connection>> idle;
  Instant down_until{};
  std::string why_down;
};

// What became of one command to one server.
struct RedisClient::Attempt {
  enum class Kind : std::uint8_t {
    answered,
    away,  // it cannot be reached, or does not answer: the next one may
    busy,  // our own connections to it are all in use, or we were told to stop
  };
  Kind kind = Kind::answered;
  RedisReply reply;
  std::string why;
  bool timed_out = false;
  bool hung_up = false;  // the connection ended before anything came
};

namespace {

Wait no_later_than(const Wait& wait, std::int64_t ms) {
  return {std::min(wait.deadline, Scheduler::current().now().plus_ms(ms)), wait.stop};
}

// The target behind "MOVED 3999 127.0.0.1:6381" and "ASK 3999 127.0.0.1:6381".
std::string_view redirection_target(std::string_view error, std::string_view word) {
  if (!error.starts_with(word)) return {};
  error.remove_prefix(word.size());
  const std::size_t blank = error.find(' ');
  return blank == std::string_view::npos ? std::string_view() : error.substr(blank + 1);
}

RedisClient::Outcome outcome_of(RedisReply reply) {
  switch (reply.kind) {
    case RedisReply::Kind::value: return {.answer = Answer::found(std::move(reply.text)), .may_be_kept = true};
    case RedisReply::Kind::nil: return {.answer = Answer::found({})};
    case RedisReply::Kind::empty: return {.answer = Answer::not_found()};
    case RedisReply::Kind::error: break;
  }
  return {.answer = Answer::deferred("REDIS: lookup result failed: " + reply.text)};
}

}  // namespace

RedisClient::~RedisClient() {
  for (const auto& [server, node] : nodes_) POSTERN_CHECK(node->idle.empty());
}

std::shared_ptr<RedisClient::Node> RedisClient::node_of(const RedisServer& server) {
  const auto found = nodes_.find(server);
  if (found != nodes_.end()) return found->second;
  if (nodes_.size() >= kNodesMax) return nullptr;
  return nodes_.emplace(server, std::make_shared<Node>(server)).first->second;
}

Task<RedisClient::Outcome> RedisClient::query(std::string command, std::vector<RedisServer> servers, const tls::Client* tls,
                                              Wait wait) {
  const std::expected<std::vector<std::string>, std::string> words = split_redis_command(command);
  if (!words) co_return Outcome{.answer = Answer::failed("REDIS: " + words.error())};
  if (servers.empty()) co_return Outcome{.answer = Answer::failed("no Redis servers defined (redis_servers option)")};
  wait = no_later_than(wait, kQueryMs);
  std::string why;
  for (const RedisServer& first : servers) {
    RedisServer server = first;
    bool asking = false;
    for (unsigned redirections = 0; redirections <= kRedirectionsMax; ++redirections) {
      const std::shared_ptr<Node> node = node_of(server);
      if (node == nullptr) co_return Outcome{.answer = Answer::deferred("REDIS: too many servers are in use")};
      Attempt attempt = co_await ask(node, *words, asking, tls, wait);
      if (attempt.kind != Attempt::Kind::answered) {
        why = "REDIS: " + server.name() + ": " + attempt.why;
        if (attempt.kind == Attempt::Kind::busy) co_return Outcome{.answer = Answer::deferred(std::move(why))};
        break;
      }
      const std::string_view error = attempt.reply.kind == RedisReply::Kind::error ? attempt.reply.text : std::string_view();
      const std::string_view moved = redirection_target(error, "MOVED ");
      const std::string_view ask_there = redirection_target(error, "ASK ");
      if (moved.empty() && ask_there.empty()) co_return outcome_of(std::move(attempt.reply));
      const std::optional<RedisServer> next = redirected(server, moved.empty() ? ask_there : moved);
      why = "REDIS: " + server.name() + " redirects too often, or nowhere: " + attempt.reply.text;
      if (!next) break;
      asking = moved.empty();
      server = *next;
    }
  }
  co_return Outcome{.answer = Answer::deferred(std::move(why))};
}

Task<RedisClient::Attempt> RedisClient::ask(std::shared_ptr<Node> node, const std::vector<std::string>& words, bool asking,
                                            const tls::Client* tls, Wait wait) {
  if (Scheduler::current().now() < node->down_until)
    co_return Attempt{.kind = Attempt::Kind::away, .reply = {}, .why = "it is down: " + node->why_down};
  if (const Result<void> turn = co_await node->free.acquire(wait); !turn)
    co_return Attempt{.kind = Attempt::Kind::busy, .reply = {}, .why = "all connections to it are in use"};

  const Instant began = Scheduler::current().now();
  std::unique_ptr<Connection> connection = co_await take_idle(*node);
  bool is_used = connection != nullptr;
  Attempt attempt;
  while (true) {
    if (connection == nullptr) attempt = co_await connect(node->server, tls, connection, no_later_than(wait, kConnectMs));
    if (connection == nullptr) break;
    if (asking) attempt = co_await exchange(*connection, {"ASKING"}, wait);
    if (attempt.kind == Attempt::Kind::answered) attempt = co_await exchange(*connection, words, wait);
    if (attempt.kind == Attempt::Kind::answered) {
      node->idle.push_back(std::move(connection));
      break;
    }
    co_await connection->stream->close();
    connection = nullptr;
    // The server had closed it while it was idle, or something between us and it had; or else it has done what it was told.
    if (!is_used || !attempt.hung_up || !may_be_repeated(words)) break;
    is_used = false;
    attempt = Attempt();
  }
  // A query that had little time left says nothing about the server.
  const bool was_patient = !attempt.timed_out || Scheduler::current().now() >= began.plus_ms(kPatienceMs);
  if (attempt.kind == Attempt::Kind::away && was_patient) {
    node->down_until = Scheduler::current().now().plus_ms(kDownMs);
    node->why_down = attempt.why;
  }
  node->free.release();
  co_return attempt;
}

// nullptr when there is none that can still be used.
Task<std::unique_ptr<RedisClient::Connection>> RedisClient::take_idle(Node& node) {
  while (!node.idle.empty()) {
    std::unique_ptr<Connection> connection = std::move(node.idle.back());
    node.idle.pop_back();
    // What arrives unasked is the end of the connection, or nothing that belongs to us.
    if (!connection->stream->has_input()) co_return connection;
    co_await connection->stream->close();
  }
  co_return nullptr;
}

Task<Result<SocketAddress>> RedisClient::address_of(const RedisServer& server, Wait wait) {
  if (const std::optional<IpAddress> address = IpAddress::parse(server.host)) co_return SocketAddress{*address, server.port};
  if (server.host == "localhost") co_return SocketAddress{IpAddress::v4(0x7f000001), server.port};
  if (resolver_ == nullptr) co_return failure(Errc::not_found, "find its address");
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    const dns::Answer answer = co_await resolver_->query(server.host, type, {.wait = wait});
    if (answer.status == dns::Status::temporary_failure) co_return failure(Errc::timed_out, "find its address");
    for (const dns::Record& record : answer.records)
      if (const auto* data = std::get_if<dns::Address>(&record.data)) co_return SocketAddress{data->address, server.port};
  }
  co_return failure(Errc::not_found, "find its address");
}

// On success `into` holds a connection that is authenticated and has its database selected.
Task<RedisClient::Attempt> RedisClient::connect(const RedisServer& server, const tls::Client* tls,
                                                std::unique_ptr<Connection>& into, Wait wait) {
  const auto away = [](const Error& error) {
    return Attempt{.kind = error.code == Errc::stopped ? Attempt::Kind::busy : Attempt::Kind::away,
                   .reply = {},
                   .why = "connection failed: " + describe(error),
                   .timed_out = error.code == Errc::timed_out};
  };
  Result<std::unique_ptr<Stream>> stream = failure(Errc::invalid, "connect");
  if (!server.socket_path.empty()) {
    stream = co_await connector_.connect_local(server.socket_path, wait);
  } else {
    const Result<SocketAddress> address = co_await address_of(server, wait);
    if (!address) co_return away(address.error());
    stream = co_await connector_.connect(*address, std::nullopt, wait);
  }
  if (!stream) co_return away(stream.error());
  if (server.tls) {
    Attempt attempt = co_await secure(server, tls, *stream, wait);
    if (attempt.kind != Attempt::Kind::answered) co_return attempt;
  }
  auto connection = std::make_unique<Connection>(std::move(*stream));
  std::vector<std::vector<std::string>> greetings;
  if (!server.password.empty()) greetings.push_back({"AUTH", server.password});
  if (server.database) greetings.push_back({"SELECT", std::to_string(*server.database)});
  for (const std::vector<std::string>& greeting : greetings) {
    Attempt attempt = co_await exchange(*connection, greeting, wait);
    if (attempt.kind == Attempt::Kind::answered && attempt.reply.kind == RedisReply::Kind::error) {
      attempt.kind = Attempt::Kind::away;
      attempt.why = greeting.front() + ": " + attempt.reply.text;
    }
    if (attempt.kind != Attempt::Kind::answered) {
      co_await connection->stream->close();
      co_return attempt;
    }
  }
  into = std::move(connection);
  co_return Attempt{};
}

Task<RedisClient::Attempt> RedisClient::secure(const RedisServer& server, const tls::Client* tls,
                                               std::unique_ptr<Stream>& stream, Wait wait) {
  POSTERN_CHECK(tls != nullptr);
  tls::Secured secured = co_await tls->secure(std::move(stream), server.host, blocks_, wait);
  stream = std::move(secured.stream);
  if (stream) co_return Attempt{};
  co_return Attempt{.kind = secured.error.code == Errc::stopped ? Attempt::Kind::busy : Attempt::Kind::away,
                    .reply = {},
                    .why = "TLS failed: " + (secured.why.empty() ? describe(secured.error) : secured.why),
                    .timed_out = secured.error.code == Errc::timed_out};
}

Task<RedisClient::Attempt> RedisClient::exchange(Connection& connection, std::vector<std::string> words, Wait wait) {
  const auto broken = [](std::string_view what, const Error& error) {
    std::string why(what);
    return Attempt{.kind = error.code == Errc::stopped ? Attempt::Kind::busy : Attempt::Kind::away,
                   .reply = {},
                   .why = why.append(describe(error)),
                   .timed_out = error.code == Errc::timed_out,
                   .hung_up = error.code == Errc::closed || error.code == Errc::reset};
  };
  const std::string wire = format_redis_command(words);
  Chain chain;
  for (std::size_t at = 0; at < wire.size(); at += BlockPool::kLargest)
    chain.append(copy_to_slice(blocks_, std::string_view(wire).substr(at, BlockPool::kLargest)));
  if (const Result<void> written = co_await connection.stream->write(std::move(chain), wait); !written)
    co_return broken("the command could not be sent: ", written.error());
  while (true) {
    if (std::optional<RedisReply> reply = connection.reader.next()) {
      if (reply->text.size() > kRedisReplyBytesMax) break;
      co_return Attempt{.kind = Attempt::Kind::answered, .reply = std::move(*reply), .why = {}};
    }
    if (connection.reader.broken()) break;
    const Result<Slice> bytes = co_await connection.stream->read(wait);
    if (!bytes) co_return broken("no answer: ", bytes.error());
    if (!connection.reader.feed(bytes->view())) break;
  }
  co_return Attempt{
      .kind = Attempt::Kind::away, .reply = {}, .why = "it does not speak Redis' protocol, or its reply is too long"};
}

Task<void> RedisClient::close() {
  for (const auto& [server, node] : nodes_) {
    std::vector<std::unique_ptr<Connection>> idle = std::exchange(node->idle, {});
    for (const std::unique_ptr<Connection>& connection : idle) co_await connection->stream->close();
  }
}

}  // namespace postern::lookup
