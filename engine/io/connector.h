// Outgoing connections.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/stream.h"

namespace postern::inline io {

class Connector {
 public:
  virtual ~Connector() = default;
  // Connects to `to`, from the address `from` when given. Suspends until the connection stands or wait ends. Errors: refused,
  // unreachable, timed_out, stopped, too_large (out of descriptors).
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress to, std::optional<IpAddress> from,
                                                                      Wait wait) = 0;
  // The same to the UNIX stream socket at `path`. Also not_found and denied; invalid when the path is longer than the kernel
  // takes.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Stream>>> connect_local(std::string path, Wait wait) = 0;
};

}  // namespace postern::inline io
