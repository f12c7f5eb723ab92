// The values of the main section, by the names of the language. What each means: docs/language.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/log_selector.h"
#include "engine/base/ip_address.h"
#include "policy/dcc/request.h"
#include "policy/dkim/verifier.h"
#include "policy/expand/message_text.h"
#include "policy/expand/program.h"
#include "policy/lists/list.h"
#include "policy/psl/public_suffix_list.h"
#include "policy/routing/callout_cache.h"
#include "policy/spf/spf.h"

namespace postern::config {

enum class LogFormat : std::uint8_t { exim, json };
enum class BareNewlines : std::uint8_t { reject, normalise };

// Against whom smtp_accept_max_per_host counts a connection that came through a proxy.
enum class ProxyCount : std::uint8_t { client, proxy };

struct MainOptions {
  // Names and places
  std::string primary_hostname;   // the host's name unless set
  std::string qualify_domain;     // primary_hostname unless set
  std::string qualify_recipient;  // qualify_domain unless set
  std::string spool_directory = "/var/spool/postern";
  std::string log_file_path = "/var/log/postern/%slog";  // %s stands for main, reject, panic
  std::string exim_user;                                 // name or number; empty: not set
  std::string exim_group;                                // likewise
  LogSelectors log_selector;
  LogFormat log_format = LogFormat::exim;
  bool log_timezone = false;
  bool write_rejectlog = true;

  // Listening
  std::vector<SocketAddress> listen;       // local_interfaces with daemon_smtp_ports; :: port 25 and 0.0.0.0 port 25 unless set
  std::vector<IpAddress> local_addresses;  // what @[] stands for, and what `self` of a router asks about

  // Connections
  std::uint32_t smtp_accept_max = 20'000;            // 0: no limit
  std::uint32_t smtp_accept_max_per_host = 0;        // 0: no limit
  std::uint32_t smtp_accept_max_per_connection = 0;  // messages; 0: no limit
  std::uint32_t smtp_accept_max_nonmail = 10;
  std::uint32_t smtp_max_synprot_errors = 3;
  std::uint32_t smtp_max_unknown_commands = 3;
  std::int64_t smtp_receive_timeout_s = 5 * 60;
  std::int64_t proxy_protocol_timeout_s = 3;
  ProxyCount proxy_count_by = ProxyCount::client;
  bool smtp_enforce_sync = true;
  BareNewlines smtp_bare_newline = BareNewlines::reject;
  expand::Program smtp_banner;           // "$smtp_active_hostname ESMTP Postern $version_number $tod_full" unless set
  expand::Program smtp_active_hostname;  // gives nothing unless set: then it is primary_hostname
  std::string helo_allow_chars;

  // Messages
  std::uint64_t message_size_limit = std::uint64_t{50} * 1024 * 1024;  // bytes; 0: none
  std::uint32_t recipients_max = 50'000;
  bool recipients_max_reject = false;
  std::uint32_t received_headers_max = 30;
  std::uint64_t header_maxsize = std::uint64_t{1024} * 1024;
  bool accept_8bitmime = true;
  bool allow_domain_literals = false;
  bool strip_trailing_dot = false;
  bool strict_acl_vars = false;  // an ACL variable that was never set is an error in an expansion
  expand::Program received_header_text;
  expand::BodyShown body_shown;  // message_body_visible, message_body_newlines

  // Who is offered or allowed what
  lists::HostList chunking_advertise_hosts;         // everyone unless set
  lists::HostList dsn_advertise_hosts;              // everyone unless set
  lists::HostList enhanced_status_advertise_hosts;  // everyone unless set
  lists::HostList limits_advertise_hosts;           // everyone unless set
  lists::HostList pipelining_advertise_hosts;       // everyone unless set
  lists::HostList smtputf8_advertise_hosts;         // everyone unless set
  lists::HostList smtp_accept_max_nonmail_hosts;    // everyone unless set
  lists::HostList hosts_require_helo;               // everyone unless set
  lists::HostList helo_accept_junk_hosts;
  lists::HostList host_reject_connection;
  lists::HostList hosts_connection_nolog;
  lists::HostList host_lookup;  // whose names are looked up when they connect
  lists::HostList hosts_proxy;  // who must begin with a PROXY header
  lists::HostList recipient_unqualified_hosts;
  lists::HostList sender_unqualified_hosts;
  lists::HostList smtp_bare_newline_exempt_hosts;  // who gets the other of reject and normalise

  // DNS
  std::vector<SocketAddress> dns_servers;      // resolv.conf's unless set
  std::int64_t dns_retrans_s = 0;              // 0: resolv.conf's timeout
  std::uint32_t dns_retry = 0;                 // 0: resolv.conf's attempts
  bool dns_use_edns0 = true;                   // 0 turns it off
  bool dns_dnssec_ok = false;                  // 1 asks for signatures in every query
  std::vector<IpAddress> dns_dnssec_trusted;   // servers whose AD bit is believed beside those on loopback
  lists::DomainList dns_again_means_nonexist;  // nothing unless set

  std::uint32_t dns_csa_search_limit = 5;  // parents below a top level domain that verify = csa asks
  bool dns_csa_use_reverse = true;         // it asks the reverse DNS about addresses

  // Lookups
  std::string redis_servers;  // as written
  std::string redis_tls_verify_certificates = "system";
  std::string sqlite_dbfile;  // absolute, or empty
  std::int64_t sqlite_lock_timeout_s = 5;
  std::uint32_t lookup_open_max = 25;

  // Callouts
  routing::CalloutTimes callout_times;
  expand::Program callout_random_local_part;  // "$primary_hostname-$tod_epoch-testing" unless set

  // ACLs
  bool smtp_return_error_details = false;  // the client is told what is wrong in a header

  // Expansions
  bool expand_allow_run = true;

  // Checks
  std::string authserv_id;              // ours in Authentication-Results; empty: primary_hostname
  lists::HostList authres_trust_hosts;  // whose fields may claim it
  std::string spf_guess{spf::kGuessRecord};
  std::string spf_smtp_comment_template{spf::kSmtpComment};
  std::int64_t spf_timeout_s = 20;
  dkim::VerifyPolicy dkim_verify;       // dkim_verify_hashes, _keytypes, _min_keysizes, _minimal
  expand::Program dkim_verify_signers;  // "$dkim_signers" unless set
  std::int64_t dkim_timeout_s = 30;
  std::shared_ptr<const psl::PublicSuffixList> dmarc_suffixes;  // of dmarc_tld_file; null: no DMARC
  std::string dmarc_history_file;                               // absolute; empty: none
  std::int64_t dmarc_timeout_s = 30;
  std::optional<dcc::DaemonAddress> dccifd_address;  // nothing: no DCC
  std::string dccifd_options{dcc::kDefaultOptions};
  std::int64_t dccifd_timeout_s = 60;
  bool dcc_direct_add_header = false;

  // Bounces
  expand::Program dsn_from;  // "Mail Delivery System <Mailer-Daemon@$qualify_domain>" unless set
  bool bounce_return_message = true;

  // Spool and queue
  std::uint64_t spool_preallocate = std::uint64_t{16} * 1024 * 1024;  // bytes
  std::uint64_t check_spool_space = std::uint64_t{10} * 1024 * 1024;  // bytes; 0: not checked
  std::int64_t ignore_bounce_errors_after_s = std::int64_t{10} * 7 * 24 * 3600;
  std::int64_t timeout_frozen_after_s = 0;  // 0: never
  std::int64_t retry_interval_max_s = 24 * 3600;
};

}  // namespace postern::config
