// Which servers to ask and how: resolv.conf(5), and the main options that stand above it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"

namespace postern::dns {

inline constexpr std::size_t kServersMax = 3;  // as the C library
inline constexpr std::size_t kSearchMax = 6;
inline constexpr std::size_t kResolvConfBytesMax = 64UL * 1024;

struct ResolverSettings {
  std::vector<SocketAddress> servers{{IpAddress::v4(0x7f000001), 53}};
  std::vector<std::string> search;
  std::uint32_t dots_min = 1;  // ndots: with so many dots a name is tried as it stands first
  std::int64_t timeout_ms = 5'000;
  std::uint32_t attempts = 2;  // rounds over all servers
  std::int64_t stale_after_ms =
      1'800;              // an answer past its TTL stands in after so long (RFC 8767 section 5: the client response timer)
  bool trust_ad = false;  // the AD bit of every server is believed
  bool edns = true;
  bool always_dnssec = false;             // dns_dnssec_ok = 1
  std::vector<IpAddress> dnssec_trusted;  // servers whose AD bit is believed beside those on loopback
  // dns_again_means_nonexist: a temporary failure about such a name is taken for its absence. Never waits.
  std::function<bool(std::string_view name)> again_means_nonexist;
};

// What resolv.conf's text says: nameserver, search, domain, and options ndots, timeout, attempts, trust-ad, edns0. Unknown
// words and what cannot be read are passed over, as the C library does; numbers are held to its bounds.
[[nodiscard]] ResolverSettings parse_resolv_conf(std::string_view text);
// The file's; the defaults where there is none. Blocks: for the start of the process. Errors: too_large, io.
[[nodiscard]] Result<ResolverSettings> read_resolv_conf(const std::string& path);
// "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1"; port 53 where none is given. Nothing for anything else.
[[nodiscard]] std::optional<SocketAddress> parse_server(std::string_view text);

}  // namespace postern::dns
