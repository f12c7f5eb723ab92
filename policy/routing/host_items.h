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

// What the DNS must be asked before a host has an address.
enum class HostQuestion : std::uint8_t { nothing, addresses, exchangers };

struct Host {
  std::string name;         // as written: what retry rules are matched against
  IpAddress address;        // once there is no question any more
  std::uint16_t port = 0;   // 0: the transport's
  std::uint16_t group = 0;  // hosts are shuffled within a group only; + begins the next one
  HostQuestion question = HostQuestion::nothing;

  friend bool operator==(const Host&, const Host&) = default;
};

// Whether whoever uses a host can ask the DNS for its address.
enum class HostNames : std::uint8_t { refused, allowed };

inline constexpr std::size_t kHostsMax = 1'000;  // of one list that is read when it is used

// "192.0.2.1", "192.0.2.1:26", "[2001:db8::1]:26", "localhost:26", "mail.example", "example.org/MX"; separators that had to be
// doubled are single here. Nothing, and what is wrong in `why`, otherwise.
[[nodiscard]] std::optional<Host> read_host(std::string_view item, HostNames names, std::string& why);

// A list of them, separated by colons unless it says otherwise, with + between groups. Gives what could be read; errors are
// reported. `what` names the text in messages.
[[nodiscard]] std::vector<Host> read_hosts(const expand::ConfigText& text, HostNames names, std::string_view what,
                                           expand::Diagnostics& diagnostics);
// The same of a text that was expanded just now; names are allowed. Nothing, and `why`, when one cannot be read, or when there
// are more than kHostsMax.
[[nodiscard]] std::optional<std::vector<Host>> read_hosts_at_use(std::string_view text, std::string& why);

// A port by number, or by one of the names mail uses: smtp, smtps, submission, submissions, lmtp.
[[nodiscard]] std::optional<std::uint16_t> read_port(std::string_view text) noexcept;

}  // namespace postern::routing
