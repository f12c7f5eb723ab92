// From names to the hosts that take mail for them: RFC 5321 section 5.1, RFC 7505, RFC 2782.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/coro/task.h"
#include "net/dns/resolver.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/list.h"
#include "policy/routing/host_items.h"

namespace postern::routing {

inline constexpr std::size_t kExchangersMax = 100;       // of one domain that are looked at, by preference; more are left out
inline constexpr std::size_t kAddressesOfHostMax = 100;  // likewise, addresses of one host

// How to look. Everything is borrowed until the answer is there.
struct HostSearch {
  dns::Resolver& resolver;
  Wait wait = {};
  const lists::HostList* ignored = nullptr;       // addresses that do not count
  const lists::IpSet* local_addresses = nullptr;  // exchangers that are no better than this host are left out
  Random* random = nullptr;                       // shuffles exchangers of one preference
  bool ipv4_only = false;
  bool ipv4_prefer = false;       // IPv4 addresses of a host stand before its IPv6 ones
  std::string_view service = {};  // find_exchangers: SRV records of this one come first (RFC 2782); empty: none are asked for
  bool srv_trouble_is_absence = false;  // as to SRV records
  bool must_have_exchangers = false;    // an absence of MX records is one of the domain
  bool trouble_is_absence = false;      // as to MX records
  bool must_be_authenticated = false;   // answers without the AD bit do not count
};

struct FoundHosts {
  enum class Status : std::uint8_t {
    found,
    none,      // no such domain, or no host
    refuses,   // a null MX: the domain takes no mail
    ignored,   // there are addresses, and all of them are ignored
    deferred,  // it cannot be told for now
    insecure,  // there is an answer that should be authenticated, and is not
  };
  Status status = Status::none;
  std::vector<Host> hosts = {};  // in the order to try them; groups are preferences
  bool had_exchangers = false;   // MX or SRV records
  bool behind_others = false;    // exchangers that this host is one of, or is better than, were left out
};

// A and AAAA of `host`, all of which take its port and group.
[[nodiscard]] Task<FoundHosts> find_addresses(Host host, HostSearch search);
// SRV where a service is asked for; without such records MX; without such the domain itself.
[[nodiscard]] Task<FoundHosts> find_exchangers(std::string domain, HostSearch search);

}  // namespace postern::routing
