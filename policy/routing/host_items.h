// Hosts to deliver to, as route_list and the hosts option of the smtp transport write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::routing {

struct Host {
  std::string name;  // as written: what retry rules are matched against
  IpAddress address;
  std::uint16_t port = 0;   // 0: the transport's
  std::uint16_t group = 0;  // hosts are shuffled within a group only; + begins the next one

  friend bool operator==(const Host&, const Host&) = default;
};

// "192.0.2.1", "192.0.2.1:26", "[2001:db8::1]:26", "localhost:26"; separators that had to be doubled are single here.
// Nothing, and what is wrong in `why`, otherwise.
[[nodiscard]] std::optional<Host> read_host(std::string_view item, std::string& why);

// A list of them, separated by colons unless it says otherwise, with + between groups. Gives what could be read; errors are
// reported. `what` names the text in messages.
[[nodiscard]] std::vector<Host> read_hosts(const expand::ConfigText& text, std::string_view what,
                                           expand::Diagnostics& diagnostics);

// A port by number, or by one of the names mail uses: smtp, smtps, submission, submissions, lmtp.
[[nodiscard]] std::optional<std::uint16_t> read_port(std::string_view text) noexcept;

}  // namespace postern::routing
