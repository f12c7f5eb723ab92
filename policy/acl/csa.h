// Client SMTP authorization (draft-marid-csv-csa): whether whoever holds a domain says, in SRV records at _client._smtp, that
// this client may send mail under its name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"

namespace postern::acl {

struct CsaSettings {
  std::uint32_t search_limit = 5;  // dns_csa_search_limit: how far below a top level domain parents are asked
  bool use_reverse = true;         // dns_csa_use_reverse: addresses are looked up in the reverse DNS
};
inline constexpr std::uint32_t kCsaSearchMax = 20;  // parents that are asked, whatever the setting

enum class CsaResult : std::uint8_t {
  unknown,          // nobody says anything
  ok,               // the client is one of the domain's
  deferred_record,  // the DNS could not tell about the record,
  deferred_target,  // or about the addresses of its target
  not_listed,       // a parent says that all below it say so themselves
  not_authorized,   // the domain sends no mail
  no_address,       // there is no address that the client could have
  other_address,    // the client's is not among them
};

// "unknown", "ok", "defer", "fail": $csa_status.
[[nodiscard]] std::string_view status_of(CsaResult result) noexcept;
// What follows "client SMTP authorization " in messages.
[[nodiscard]] std::string_view reason_of(CsaResult result) noexcept;
[[nodiscard]] constexpr bool is_refused(CsaResult result) noexcept { return result >= CsaResult::not_listed; }

// The parents of a domain that are asked, from the top down; never a top level domain. In the reverse DNS three of them.
[[nodiscard]] std::vector<std::string> csa_parents(std::string_view domain, std::uint32_t search_limit);

// `domain`: a name, an address, or an address literal. Suspends for the DNS until `wait` ends.
[[nodiscard]] Task<CsaResult> check_csa(dns::Resolver& resolver, std::string domain, IpAddress client, CsaSettings settings,
                                        Wait wait);

}  // namespace postern::acl
