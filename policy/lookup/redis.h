// Redis: connections of one shard, kept open, a server that is down remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/connector.h"
#include "policy/expand/services.h"
#include "policy/lookup/redis_command.h"

namespace postern::dns {
class Resolver;
}
namespace postern::tls {
class Client;
}

namespace postern::lookup {

class RedisClient {
 public:
  static constexpr std::size_t kConnectionsMax = 16;  // to one server; beyond it queries wait
  static constexpr std::size_t kNodesMax = 64;        // servers known, those that redirections named included
  static constexpr unsigned kRedirectionsMax = 5;     // of one query
  static constexpr std::int64_t kConnectMs = 2000;
  static constexpr std::int64_t kQueryMs = 5000;     // all of one query
  static constexpr std::int64_t kDownMs = 5000;      // for so long a server that did not answer is not asked
  static constexpr std::int64_t kPatienceMs = 1000;  // a shorter silence is no sign of that

  // Both outlive it; without a resolver, servers are known by their addresses only.
  RedisClient(Connector& connector, dns::Resolver* resolver) : connector_(connector), resolver_(resolver) {}
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  struct Outcome {
    expand::Answer answer;
    bool may_be_kept = false;  // a value: nil is asked for again
  };
  // Asks the servers one after the other until one has answered; redirections of a cluster are followed. `failed`: the command
  // is wrong. `deferred`: no server answers, or one says that it cannot.
  // `tls` is for servers that want it; null where none does.
  [[nodiscard]] Task<Outcome> query(std::string command, std::vector<RedisServer> servers, const tls::Client* tls, Wait wait);
  // Closes what is idle. No query is under way.
  [[nodiscard]] Task<void> close();

 private:
  struct Connection;
  struct Node;
  struct Attempt;

  [[nodiscard]] std::shared_ptr<Node> node_of(const RedisServer& server);
  [[nodiscard]] Task<Attempt> ask(std::shared_ptr<Node> node, const std::vector<std::string>& words, bool asking,
                                  const tls::Client* tls, Wait wait);
  [[nodiscard]] static Task<std::unique_ptr<Connection>> take_idle(Node& node);
  [[nodiscard]] Task<Attempt> connect(const RedisServer& server, const tls::Client* tls, std::unique_ptr<Connection>& into,
                                      Wait wait);
  [[nodiscard]] Task<Attempt> secure(const RedisServer& server, const tls::Client* tls, std::unique_ptr<Stream>& stream,
                                     Wait wait);
  [[nodiscard]] Task<Result<SocketAddress>> address_of(const RedisServer& server, Wait wait);
  [[nodiscard]] Task<Attempt> exchange(Connection& connection, std::vector<std::string> words, Wait wait);

  Connector& connector_;
  dns::Resolver* resolver_;
  BlockPool blocks_;
  std::map<RedisServer, std::shared_ptr<Node>> nodes_;
};

}  // namespace postern::lookup
