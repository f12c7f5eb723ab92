// Sockets before they belong to a ring.
#pragma once

#include <string>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"

namespace postern::transport {

struct ListenOptions {
  bool share_port = false;  // SO_REUSEPORT: one socket for each shard
  int backlog = 4096;
};

// A bound, listening TCP socket with TCP_NODELAY (which accepted sockets inherit); IPv6 sockets take IPv6 only. The descriptor
// is the caller's.
[[nodiscard]] Result<int> listen_on(SocketAddress local, const ListenOptions& options);
// The same without listening yet: a connection is refused until listen(2).
[[nodiscard]] Result<int> bind_for_listening(SocketAddress local, const ListenOptions& options);
// As listen_on() for a UNIX stream socket; replaces what is at `path`.
[[nodiscard]] Result<int> listen_on_path(const std::string& path, unsigned permissions);
// The address a socket is bound to (a port of 0 has become a real one).
[[nodiscard]] Result<SocketAddress> bound_address(int descriptor);

// True when nobody listens there: binds a socket that shares with no one, and lets it go without listening on it.
[[nodiscard]] bool port_is_free(SocketAddress local);

}  // namespace postern::transport
