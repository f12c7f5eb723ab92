// Where an outgoing connection goes.
#pragma once

#include <compare>
#include <string>

#include "engine/base/ip_address.h"

namespace postern::delivery {

// A port of a host, or a UNIX socket of this machine.
struct NextHop {
  SocketAddress address;
  std::string socket;  // its path; empty: a host

  [[nodiscard]] bool is_socket() const noexcept { return !socket.empty(); }
  // "[192.0.2.1]:25", or the path.
  [[nodiscard]] std::string to_string() const { return is_socket() ? socket : address.to_string(); }

  friend auto operator<=>(const NextHop&, const NextHop&) = default;
};

}  // namespace postern::delivery
