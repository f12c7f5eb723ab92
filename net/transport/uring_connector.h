// Outgoing TCP and UNIX connections over the ring.
#pragma once

#include <string>

#include "engine/io/connector.h"
#include "net/transport/uring_stream.h"

namespace postern::transport {

// One shard; the pool outlives it and its connections.
class UringConnector final : public Connector {
 public:
  explicit UringConnector(StreamPool& pool) noexcept : pool_(pool) {}

  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress to, std::optional<IpAddress> from,
                                                              Wait wait) override;
  // The same to the UNIX stream socket at `path`. Both ends of the stream are 0.0.0.0.
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_path(std::string path, Wait wait);

 private:
  StreamPool& pool_;
};

}  // namespace postern::transport
