// The questions of lists about hosts, put to the DNS.
#pragma once

#include <string>

#include "engine/coro/task.h"
#include "net/dns/resolver.h"
#include "policy/lists/facts.h"

namespace postern::lists {

// A and AAAA, by the search list of resolv.conf where the name has few dots. `deferred` only when no address was found.
// Suspends unless the answers are known.
[[nodiscard]] Task<HostAddresses> look_up_addresses(dns::Resolver& resolver, std::string host, dns::QueryOptions options);

// MX alone: a domain without such records has none (RFC 5321's implicit MX does not count, as in Exim). A null MX (RFC 7505) is
// none.
[[nodiscard]] Task<MailExchangers> look_up_mail_exchangers(dns::Resolver& resolver, std::string domain,
                                                           dns::QueryOptions options);

}  // namespace postern::lists
