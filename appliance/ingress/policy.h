// What the configuration says about taking in mail, as the sessions of all shards use it. Immutable once made.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/log/log_style.h"
#include "engine/smtp/session_limits.h"
#include "net/dns/resolv_conf.h"
#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/checks/settings.h"
#include "policy/expand/message_text.h"
#include "policy/expand/program.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/list.h"
#include "policy/lists/world.h"
#include "policy/routing/router.h"
#include "policy/routing/verify_address.h"

namespace postern::ingress {

// To whom something is offered, or for whom something is allowed, by the address of the client.
struct ClientLists {
  lists::HostList enhanced_status;        // enhanced_status_advertise_hosts
  lists::HostList limits;                 // limits_advertise_hosts
  lists::HostList pipelining;             // pipelining_advertise_hosts
  lists::HostList chunking;               // chunking_advertise_hosts
  lists::HostList smtputf8;               // smtputf8_advertise_hosts
  lists::HostList dsn;                    // dsn_advertise_hosts
  lists::HostList helo_accept_junk;       // helo_accept_junk_hosts
  lists::HostList sender_unqualified;     // sender_unqualified_hosts
  lists::HostList recipient_unqualified;  // recipient_unqualified_hosts
  lists::HostList count_nonmail;          // smtp_accept_max_nonmail_hosts
  lists::HostList bare_newline_exempt;    // those who get the other of reject and normalise
  lists::HostList reject_connection;      // host_reject_connection
  lists::HostList require_helo;           // hosts_require_helo
  lists::HostList connection_nolog;       // hosts_connection_nolog, which asks nothing
  lists::HostList proxies;                // hosts_proxy, which asks nothing
  lists::HostList authres_trust;          // authres_trust_hosts, which asks nothing
  lists::HostList host_lookup;            // host_lookup

  // All but those that ask nothing.
  static constexpr std::size_t kCount = 14;
  using Member = lists::HostList ClientLists::*;
  [[nodiscard]] static const std::array<Member, kCount>& all() noexcept;
};

struct IngressPolicy {
  smtp::SessionLimits limits;
  std::uint32_t connections_per_host_max = 0;    // smtp_accept_max_per_host; 0: no limit
  std::int64_t proxy_header_timeout_ms = 3'000;  // proxy_protocol_timeout
  bool counts_proxies = false;                   // proxy_count_by = proxy: smtp_accept_max_per_host is about them
  bool accept_8bitmime = true;
  bool enforce_sync = true;  // smtp_enforce_sync
  smtp::BareNewline bare_newline = smtp::BareNewline::reject;
  std::string primary_hostname;
  std::string qualify_domain;
  std::string qualify_recipient;
  std::string helo_allow_chars;
  std::string spool_directory;
  expand::Program active_hostname;  // smtp_active_hostname; gives primary_hostname when it gives nothing
  expand::Program banner;           // smtp_banner
  expand::Program received_header;  // received_header_text
  expand::BodyShown body_shown;
  ClientLists clients;
  config::LogSelectors log_selector;
  log::LogStyle log_style;
  dns::ResolverSettings resolver;
  std::array<std::shared_ptr<const acl::Acl>, acl::kPhaseCount> acls;  // empty where none is set

  std::array<std::optional<expand::Program>, acl::kPhaseCount> acl_texts;  // expanded when they are asked for
  std::map<std::string, std::shared_ptr<const acl::Acl>, std::less<>> named_acls;
  std::vector<routing::Router> routers;                       // for verification
  lists::IpSet local_addresses;                               // likewise
  std::vector<routing::CalloutTransport> callout_transports;  // likewise
  routing::CalloutTimes callout_times;
  expand::Program callout_random_local_part;
  bool log_sender_verify_fail = true;  // log_selector
  checks::Settings checks;
  expand::Program dkim_verify_signers;
  std::shared_ptr<const config::Language> language;

  [[nodiscard]] bool has_acl(acl::Phase phase) const noexcept {
    return acl_for(phase) != nullptr || acl_texts[static_cast<std::size_t>(phase)].has_value();
  }
  [[nodiscard]] const acl::Acl* acl_for(acl::Phase phase) const noexcept { return acls[static_cast<std::size_t>(phase)].get(); }
};

// Lists and programs are copied: the policy does not need `config` afterwards. Reads resolv.conf.
[[nodiscard]] IngressPolicy make_policy(const config::Config& config);

}  // namespace postern::ingress
