// The sending side of the PROXY protocol (haproxy.org, "The PROXY protocol", versions 1 and 2).
#pragma once

#include <string>

#include "engine/base/ip_address.h"
#include "engine/base/random.h"

namespace postern::load {

// Both addresses are of one family (checked).
[[nodiscard]] std::string proxy_header_v1(SocketAddress client, SocketAddress server);
[[nodiscard]] std::string proxy_header_v2(SocketAddress client, SocketAddress server);

// Any address of the network, first and last included.
[[nodiscard]] IpAddress random_address(const IpNetwork& network, Random& random);

}  // namespace postern::load
