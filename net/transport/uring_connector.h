// Outgoing connections over the ring.
#pragma once

#include "engine/io/connector.h"
#include "net/transport/uring_stream.h"

namespace postern::transport {

// One shard; the pool outlives it and its connections.
class UringConnector final : public Connector {
 public:
  explicit UringConnector(StreamPool& pool) noexcept : pool_(pool) {}

  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress to, std::optional<IpAddress> from,
                                                              Wait wait) override;
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_local(std::string path, Wait wait) override;

 private:
  struct Target;
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_to(Target target, int descriptor, Wait wait);

  StreamPool& pool_;
};

}  // namespace postern::transport
