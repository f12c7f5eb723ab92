// Where the gateway listens: local_interfaces and daemon_smtp_ports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

// One item of local_interfaces: "192.0.2.1", "192.0.2.1.1225", "[192.0.2.1]:1225", "::1", "::1.1225", "[::1]:1225".
struct Interface {
  IpAddress address;
  std::uint16_t port = 0;  // 0: each of daemon_smtp_ports

  friend bool operator==(const Interface&, const Interface&) = default;
};
[[nodiscard]] std::optional<Interface> read_interface(std::string_view item, std::string& why);

// Lists of them. What can be read is given; errors are reported.
[[nodiscard]] std::vector<Interface> read_interfaces(const expand::ConfigText& text, std::string_view option,
                                                     expand::Diagnostics& diagnostics);
[[nodiscard]] std::vector<std::uint16_t> read_ports(const expand::ConfigText& text, std::string_view option,
                                                    expand::Diagnostics& diagnostics);

// Each interface with its port, or with every port; in their order, each once.
[[nodiscard]] std::vector<SocketAddress> listen_addresses(const std::vector<Interface>& interfaces,
                                                          const std::vector<std::uint16_t>& ports);

// The addresses that are this host: those of `interfaces` and `extra`, where an unspecified address (0.0.0.0, ::) stands for
// all of its family in `of_host`.
[[nodiscard]] std::vector<IpAddress> local_addresses(const std::vector<Interface>& interfaces,
                                                     const std::vector<Interface>& extra,
                                                     const std::vector<IpAddress>& of_host);

}  // namespace postern::config
