#include "appliance/config/listen.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"
#include "policy/routing/host_items.h"

namespace postern::config {

namespace {

struct Parts {
  std::string_view address;
  std::string_view port;
  bool has_port = false;
};

// The dot before a port comes fourth in an IPv4 address, and is any dot behind the last colon of an IPv6 address that is not
// part of an embedded IPv4 address; of that form only the whole text is tried.
Parts split(std::string_view item) noexcept {
  if (item.starts_with('[')) {
    const std::size_t close = item.find("]:");
    if (close == item.npos) return {item};
    return {item.substr(1, close - 1), item.substr(close + 2), true};
  }
  if (IpAddress::parse(item)) return {item};
  const std::size_t dot = item.rfind('.');
  if (dot == item.npos) return {item};
  return {item.substr(0, dot), item.substr(dot + 1), true};
}

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

}  // namespace

std::optional<Interface> read_interface(std::string_view item, std::string& why) {
  const Parts parts = split(item);
  const std::optional<IpAddress> address = IpAddress::parse(parts.address);
  if (!address) {
    why = "it is not an IP address";
    if (item.contains(':'))
      why +=
          "; in a list separated by colons those of an IPv6 address are doubled, or the list begins with \"<;\" and is "
          "separated by semicolons";
    return std::nullopt;
  }
  if (!parts.has_port) return Interface{*address, 0};
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(parts.port.data(), parts.port.data() + parts.port.size(), port);
  if (error != std::errc() || end != parts.port.data() + parts.port.size() || port == 0) {
    why = "its port is not a number from 1 to 65535";
    return std::nullopt;
  }
  return Interface{*address, port};
}

std::vector<Interface> read_interfaces(const expand::ConfigText& text, std::string_view option,
                                       expand::Diagnostics& diagnostics) {
  std::vector<Interface> interfaces;
  lists::ListReader reader(text.view());
  for (std::string item; reader.next(item);) {
    std::string why;
    if (const std::optional<Interface> interface = read_interface(item, why)) {
      interfaces.push_back(*interface);
    } else {
      diagnostics.error(text.position(reader.offset()),
                        fmt::format("{}: \"{}\" cannot be used: {}", option, printable(item, 64), why));
    }
  }
  return interfaces;
}

std::vector<std::uint16_t> read_ports(const expand::ConfigText& text, std::string_view option,
                                      expand::Diagnostics& diagnostics) {
  std::vector<std::uint16_t> ports;
  lists::ListReader reader(text.view());
  for (std::string item; reader.next(item);) {
    if (const std::optional<std::uint16_t> port = routing::read_port(item)) {
      ports.push_back(*port);
    } else {
      diagnostics.error(
          text.position(reader.offset()),
          fmt::format("{}: \"{}\" is no port: write a number from 1 to 65535, smtp, smtps, submission or submissions", option,
                      printable(item, 64)));
    }
  }
  return ports;
}

std::vector<SocketAddress> listen_addresses(const std::vector<Interface>& interfaces, const std::vector<std::uint16_t>& ports) {
  std::vector<SocketAddress> addresses;
  for (const Interface& interface : interfaces) {
    if (interface.port != 0) {
      add_once(addresses, SocketAddress{interface.address, interface.port});
    } else {
      for (const std::uint16_t port : ports) add_once(addresses, SocketAddress{interface.address, port});
    }
  }
  return addresses;
}

std::vector<IpAddress> local_addresses(const std::vector<Interface>& interfaces, const std::vector<Interface>& extra,
                                       const std::vector<IpAddress>& of_host) {
  std::vector<IpAddress> addresses;
  for (const auto* list : {&interfaces, &extra}) {
    for (const Interface& interface : *list) {
      if (!interface.address.is_unspecified()) {
        add_once(addresses, interface.address);
        continue;
      }
      for (const IpAddress& address : of_host)
        if (address.is_v4() == interface.address.is_v4()) add_once(addresses, address);
    }
  }
  return addresses;
}

}  // namespace postern::config
