// Connections to the server under load.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bench/load/options.h"
#include "engine/base/ip_address.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/stream.h"
#include "net/transport/uring_connector.h"

namespace postern::load {

struct Destination {
  std::string path;  // of a UNIX socket; else
  SocketAddress address;
  std::optional<IpAddress> source;
  ProxyVersion proxy = ProxyVersion::none;
  IpNetwork proxy_from;
};

// One shard; what it is given outlives it and its streams. Whoever talks sees a Stream, whatever lies below or has been said
// before: PROXY, later TLS.
class Dialer {
 public:
  Dialer(transport::StreamPool& streams, BlockPool& pool, Destination destination, Random& random);

  // A connection on which the server's greeting comes next. Errors: those of Connector::connect.
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> open(Wait wait);

 private:
  [[nodiscard]] std::string proxy_header();

  transport::UringConnector connector_;
  BlockPool& pool_;
  Destination destination_;
  Random& random_;
};

}  // namespace postern::load
