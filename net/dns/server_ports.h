// Questions to one DNS server from several source ports, each of which is given up before long: whoever would forge a reply has
// to guess the port beside the id (RFC 5452 section 9.2). To a server on loopback, where nobody can forge, there is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/ip_address.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/datagram.h"
#include "net/dns/server_channel.h"

namespace postern::dns {

// One shard; what it is made from outlives it.
class ServerPorts {
 public:
  static constexpr std::size_t kPorts = 8;
  static constexpr std::uint32_t kQuestionsOfPort = 512;  // then it is given up, when its replies are there
  static constexpr std::int64_t kPortMs = 60'000;         // likewise

  ServerPorts(DatagramSockets& sockets, Random& random, SocketAddress server, std::int64_t timeout_ms);

  // As ServerChannel's, from one of the ports.
  [[nodiscard]] Task<Result<std::string>> ask(std::string query, Wait wait);
  // Once, when nobody asks any more.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] const SocketAddress& server() const noexcept { return server_; }

 private:
  struct Port {
    std::unique_ptr<ServerChannel> channel;
    std::uint32_t asked = 0;
    Instant since;
  };
  [[nodiscard]] ServerChannel& choose();
  void retire(Port& port);
  void close_quiet_ones();
  static Task<void> close_channel(std::unique_ptr<ServerChannel> channel);

  DatagramSockets& sockets_;
  Random& random_;
  SocketAddress server_;
  std::int64_t timeout_ms_;
  std::vector<Port> ports_;
  std::vector<std::unique_ptr<ServerChannel>> retired_;  // which still wait for replies
  Gate closing_;
};

}  // namespace postern::dns
