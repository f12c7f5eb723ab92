// Whose an address is: the names that the DNS gives it, as far as they lead back to it (Exim's host_lookup, RFC 8601 iprev).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "net/dns/resolver.h"

namespace postern::dns {

inline constexpr std::size_t kHostNamesMax = 16;  // names of one address that are looked at; more are left out

struct HostNames {
  enum class Result : std::uint8_t {
    confirmed,  // at least one name leads back
    none,       // the address has no name, or none that leads back: $host_lookup_failed
    deferred,   // a lookup failed for a while, and nothing else confirmed a name: $host_lookup_deferred
  };
  Result result = Result::none;
  PeerText name;                  // $sender_host_name: the first confirmed name, in lower case
  std::vector<PeerText> aliases;  // other confirmed names, in lower case
  bool authenticated = false;     // both directions, for `name` (DNSSEC)
  bool unconfirmed = false;       // with `none`: there were names, which did not lead back
  std::string why;                // for logs, when not confirmed: "no host name found for IP address 192.0.2.1"
};

// Suspends until it is known, in two rounds of questions; the names of the second are asked for together.
[[nodiscard]] Task<HostNames> look_up_host_names(Resolver& resolver, IpAddress address, QueryOptions options);

}  // namespace postern::dns
