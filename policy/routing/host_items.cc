#include "policy/routing/host_items.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/lists/list_text.h"

namespace postern::routing {

namespace {

struct Service {
  std::string_view name;
  std::uint16_t port;
};
constexpr auto kServices = std::to_array<Service>({
    {"lmtp", 24},
    {"smtp", 25},
    {"smtps", 465},
    {"submission", 587},
    {"submissions", 465},
});

struct Parts {
  std::string_view address;
  std::string_view port;  // without the colon; empty when there is none
};

// A colon before the port is told from those of an IPv6 address by brackets, or by being the only one.
std::optional<Parts> split(std::string_view item, std::string& why) {
  if (item.starts_with('[')) {
    const std::size_t close = item.find(']');
    if (close == item.npos) {
      why = "] is missing";
      return std::nullopt;
    }
    const std::string_view rest = item.substr(close + 1);
    if (!rest.starts_with(':')) {
      why = "an address in brackets is followed by : and a port";
      return std::nullopt;
    }
    return Parts{item.substr(1, close - 1), rest.substr(1)};
  }
  const std::size_t colon = item.find(':');
  if (colon == item.npos || item.find(':', colon + 1) != item.npos) return Parts{item, {}};
  return Parts{item.substr(0, colon), item.substr(colon + 1)};
}

bool read_name(std::string_view text, HostNames names, Host& host, std::string& why) {
  const std::size_t slash = text.find('/');
  host.question = slash == text.npos ? HostQuestion::addresses : HostQuestion::exchangers;
  host.name = text.substr(0, slash);
  if (slash != text.npos && !smtp::equal_ignoring_case(text.substr(slash), "/mx")) {
    why = "behind the name of a host stands nothing but /MX";
  } else if (names == HostNames::refused) {
    why = "names of hosts are not looked up here: write an IP address, or name the host in a router";
  } else if (!smtp::is_domain(host.name)) {
    why = "it is neither an IP address nor the name of a host";
  } else {
    return true;
  }
  return false;
}

// Calls `use(item, group, offset)` for each; false ends it.
template <class Use>
void each_item(std::string_view text, Use&& use) {
  lists::ListReader reader(text);
  std::uint16_t group = 0;
  for (std::string item; reader.next(item);) {
    if (item == "+")
      ++group;
    else if (!use(item, group, reader.offset()))
      return;
  }
}

}  // namespace

std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
  for (const Service& service : kServices)
    if (service.name == text) return service.port;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<Host> read_host(std::string_view item, HostNames names, std::string& why) {
  const std::optional<Parts> parts = split(item, why);
  if (!parts) return std::nullopt;
  Host host{.name = std::string(parts->address)};
  if (const auto address = IpAddress::parse(parts->address)) {
    host.address = *address;
  } else if (smtp::equal_ignoring_case(parts->address, "localhost")) {  // RFC 6761 section 6.3
    host.address = IpAddress::v4(0x7f000001);
  } else if (parts->address.contains(':')) {
    why = "it is not an IP address; in a list separated by colons those of an IPv6 address are doubled";
    return std::nullopt;
  } else if (!read_name(parts->address, names, host, why)) {
    return std::nullopt;
  }
  const bool has_port = parts->port.data() != nullptr;
  if (!has_port) return host;
  const std::optional<std::uint16_t> port = read_port(parts->port);
  if (!port) {
    why = "a port is a number from 1 to 65535";
    return std::nullopt;
  }
  host.port = *port;
  return host;
}

std::vector<Host> read_hosts(const expand::ConfigText& text, HostNames names, std::string_view what,
                             expand::Diagnostics& diagnostics) {
  std::vector<Host> hosts;
  each_item(text.view(), [&](const std::string& item, std::uint16_t group, std::size_t offset) {
    std::string why = "it is empty";
    std::optional<Host> host = item.empty() ? std::nullopt : read_host(item, names, why);
    if (host) {
      host->group = group;
      hosts.push_back(std::move(*host));
    } else {
      diagnostics.error(text.position(offset),
                        fmt::format("{}: the host \"{}\" cannot be used: {}", what, printable(item, 128), why));
    }
    return true;
  });
  return hosts;
}

std::optional<std::vector<Host>> read_hosts_at_use(std::string_view text, std::string& why) {
  std::vector<Host> hosts;
  each_item(text, [&](const std::string& item, std::uint16_t group, std::size_t) {
    std::string what = "it is empty";
    std::optional<Host> host = item.empty() ? std::nullopt : read_host(item, HostNames::allowed, what);
    if (!host) why = fmt::format("the host \"{}\" cannot be used: {}", printable(item, 128), what);
    if (host && hosts.size() >= kHostsMax) why = "the list of hosts is too long";
    if (!why.empty()) return false;
    host->group = group;
    hosts.push_back(std::move(*host));
    return true;
  });
  if (!why.empty()) return std::nullopt;
  return hosts;
}

}  // namespace postern::routing
