// Sockets that talk in datagrams with one address.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"

namespace postern::inline io {

class DatagramReceiver {
 public:
  // One datagram, never empty; the bytes are borrowed until this returns. Never called from within a call of the socket.
  virtual void on_datagram(std::string_view bytes) = 0;
  // The other end is not there (refused, unreachable). The socket goes on.
  virtual void on_datagram_error(const Error& error) = 0;

 protected:
  ~DatagramReceiver() = default;
};

// One shard. Closed (awaiting close()) before it is destroyed.
class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  // Sends at the end of this turn, together with everything else of the turn. What cannot be sent is lost, as datagrams are.
  virtual void send(std::string bytes) = 0;
  // Once. The receiver hears nothing from then on.
  [[nodiscard]] virtual Task<void> close() = 0;
};

class DatagramSockets {
 public:
  virtual ~DatagramSockets() = default;
  // A socket that exchanges datagrams with `to` only. The receiver outlives its open time. Errors: unreachable, too_large (out
  // of descriptors).
  [[nodiscard]] virtual Result<std::unique_ptr<DatagramSocket>> connect(SocketAddress to, DatagramReceiver& receiver) = 0;
};

}  // namespace postern::inline io
