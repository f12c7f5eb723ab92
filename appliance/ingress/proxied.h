// What is known of a connection from a host in hosts_proxy.
#pragma once

#include "engine/base/ip_address.h"
#include "net/proxy/header.h"

namespace postern::ingress {

struct Proxied {
  SocketAddress proxy;      // the other end of the socket
  bool negotiated = false;  // it began with a good header
  proxy::Header header;     // that header

  // Who the connection is about: the proxy itself, where it told no client.
  [[nodiscard]] const SocketAddress& client() const noexcept {
    return header.subject == proxy::Subject::client ? header.client : proxy;
  }
};

}  // namespace postern::ingress
