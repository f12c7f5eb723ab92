// The tables of options of routers and transports, one for each driver that is built.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/option_table.h"
#include "appliance/config/transport.h"
#include "policy/routing/router.h"

namespace postern::config {

struct DriverDef {
  std::string_view name;
  std::string_view not_built;  // why; empty when it is built
};

[[nodiscard]] std::span<const DriverDef> router_drivers() noexcept;
[[nodiscard]] std::span<const DriverDef> transport_drivers() noexcept;

// What a router's options yield, before the names of transports are looked up.
struct RouterDraft : routing::Router {
  expand::ConfigText transport_text;  // as written, like the next two
  expand::ConfigText pass_router;
  expand::ConfigText redirect_router;
  std::optional<Setting> route_list;
  expand::CompileServices* services = nullptr;  // what its texts may name
};

struct TransportDraft : Transport {
  SmtpTransport smtp;              // used when the driver is smtp or lmtp
  AppendfileTransport appendfile;  // likewise
  bool maildir_format = false;
  bool has_directory = false;
  bool has_port = false;
  bool has_socket = false;
  expand::CompileServices* signing_services = nullptr;  // what texts about signatures may name
};

[[nodiscard]] std::span<const OptionDef<RouterDraft>> router_table(std::string_view driver) noexcept;
[[nodiscard]] std::span<const OptionDef<TransportDraft>> transport_table(std::string_view driver) noexcept;

// Rows of two tables as one, sorted by name.
template <class Row, std::size_t kFirst, std::size_t kSecond>
[[nodiscard]] constexpr std::array<Row, kFirst + kSecond> merged(const std::array<Row, kFirst>& first,
                                                                 const std::array<Row, kSecond>& second) {
  std::array<Row, kFirst + kSecond> all{};
  std::ranges::merge(first, second, all.begin(), {}, &Row::name, &Row::name);
  return all;
}

}  // namespace postern::config
