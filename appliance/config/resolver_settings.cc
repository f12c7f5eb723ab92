#include "appliance/config/resolver_settings.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "net/dns/resolver.h"

namespace postern::config {

dns::ResolverSettings make_resolver_settings(const MainOptions& main) {
  Result<dns::ResolverSettings> read = dns::read_resolv_conf("/etc/resolv.conf");
  if (!read) std::fprintf(stderr, "postern: /etc/resolv.conf: %s; going on without it\n", describe(read.error()).c_str());
  dns::ResolverSettings settings = read ? std::move(*read) : dns::ResolverSettings{};
  if (!main.dns_servers.empty()) settings.servers = main.dns_servers;
  if (main.dns_retrans_s > 0) settings.timeout_ms = std::min(main.dns_retrans_s * 1'000, dns::Resolver::kQueryMsMax);
  if (main.dns_retry > 0) settings.attempts = main.dns_retry;
  settings.edns = main.dns_use_edns0;
  settings.always_dnssec = main.dns_dnssec_ok;
  settings.dnssec_trusted = main.dns_dnssec_trusted;
  settings.again_means_nonexist = [list = main.dns_again_means_nonexist](std::string_view name) { return list.matches(name); };
  return settings;
}

}  // namespace postern::config
