// dnsdb: what the DNS holds, as text.
#pragma once

#include <cstdint>
#include <string>

#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/expand/services.h"
#include "policy/lookup/dnsdb_query.h"

namespace postern::lookup {

struct DnsdbOutcome {
  expand::Answer answer;    // what is found is a peer's
  bool dnssec = false;      // all of it was authenticated
  std::uint32_t ttl_s = 0;  // for how long it may be kept; 0: not
};

// The names one after the other. `resolver` outlives the task.
[[nodiscard]] Task<DnsdbOutcome> dnsdb_lookup(dns::Resolver& resolver, DnsdbQuery query, Wait wait);

}  // namespace postern::lookup
