// Accepting connections over the ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/ip_address.h"
#include "engine/coro/event.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"
#include "net/transport/uring_stream.h"

namespace postern::transport {

// A new connection, on the shard that accepted it. Called from the loop; starts a coroutine and returns.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void on_connection(std::unique_ptr<Stream> stream) = 0;
};

struct ListenerStats {
  Counter accepts;
  Counter accept_errors;
};

// A set of one-shot accepts, each with an address of its own and a direct descriptor slot from our free list: a multishot
// accept shares one address between its completions. One shard.
class Listener {
 public:
  // Takes over the listening socket `descriptor`, bound to `local` (the local end of every connection accepted here). UNIX
  // sockets report `local` as both ends. Pool and handler outlive it.
  Listener(StreamPool& pool, int descriptor, SocketAddress local, ConnectionHandler& handler, std::size_t accepts_at_once = 32);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  // Ends accepting: connections still in the kernel's queue are left there (another process may share the socket). Suspends
  // until no accept is in flight.
  [[nodiscard]] Task<void> stop();
  [[nodiscard]] const ListenerStats& stats() const noexcept { return stats_; }

 private:
  class Accept;
  class Retry;
  void accepted(Accept& accept, int result);
  void arm_idle();

  StreamPool& pool_;
  int descriptor_;
  SocketAddress local_;
  ConnectionHandler& handler_;
  std::vector<std::unique_ptr<Accept>> accepts_;
  std::unique_ptr<Retry> retry_;
  bool stopping_ = false;
  Event quiet_;
  ListenerStats stats_;
};

}  // namespace postern::transport
