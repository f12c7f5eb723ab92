// Datagrams over the ring: what is sent in one turn leaves in one submission.
#pragma once

#include <memory>

#include "engine/io/datagram.h"
#include "engine/ring/buffer_group.h"
#include "engine/ring/ring.h"

namespace postern::transport {

// One shard; the ring outlives it, and it its sockets.
class UringDatagrams final : public DatagramSockets {
 public:
  static constexpr std::uint32_t kBuffers = 64;
  static constexpr std::uint32_t kBufferBytes = 2048;  // longer datagrams are cut
  static constexpr std::size_t kSendsMax = 1024;       // of one socket under way; more are lost

  // Errors: those of BufferGroup::create.
  [[nodiscard]] static Result<std::unique_ptr<UringDatagrams>> create(ring::Ring& ring);
  [[nodiscard]] Result<std::unique_ptr<DatagramSocket>> connect(SocketAddress to, DatagramReceiver& receiver) override;

 private:
  class Socket;
  UringDatagrams(ring::Ring& ring, std::unique_ptr<ring::BufferGroup> buffers) noexcept
      : ring_(ring), buffers_(std::move(buffers)) {}
  ring::Ring& ring_;
  std::unique_ptr<ring::BufferGroup> buffers_;
};

}  // namespace postern::transport
