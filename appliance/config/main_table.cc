#include "appliance/config/main_table.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "engine/base/peer_text.h"
#include "net/dns/resolv_conf.h"
#include "policy/lists/list_text.h"
#include "policy/lookup/redis_command.h"

namespace postern::config {

namespace {

// Why a row is not built.
constexpr std::string_view kAuth = "SMTP AUTH is not built yet, and not offered";
constexpr std::string_view kBmi = "Brightmail is not built yet";
constexpr std::string_view kBounces = "bounces have a fixed form for now, and delays are not announced";
constexpr std::string_view kDcc = "DCC is not built yet";
constexpr std::string_view kDkim = "DKIM is not built yet";
constexpr std::string_view kDmarc = "DMARC is not built yet";
constexpr std::string_view kDns = "what would use it in the DNS is not built yet";
constexpr std::string_view kEvents = "events are not built yet";
constexpr std::string_view kFilter = "filters are not built";
constexpr std::string_view kFrozen = "nothing is thawed by itself, and nobody is told about frozen messages";
constexpr std::string_view kHold = "holding mail back is not built yet: it would be delivered at once";
constexpr std::string_view kLater = "it is not built yet";
constexpr std::string_view kLoad = "limits on load, parallel work and rates are not built yet";
constexpr std::string_view kLog = "the log does not say that yet";
constexpr std::string_view kLookups = "lookups of this kind are not built yet";
constexpr std::string_view kNeverLookups = "postern has no lookups of this kind";
constexpr std::string_view kNever = "postern has nothing of this kind";
constexpr std::string_view kNoCallers = "there are no local users and no submissions by them";
constexpr std::string_view kNotHere = "postern is made differently";
constexpr std::string_view kPercent = "rewriting of addresses is not built";
constexpr std::string_view kPrdr = "PRDR is not built yet, and not offered";
constexpr std::string_view kRemove = "what was received is stored as it is";
constexpr std::string_view kScan = "content scanning is not built yet";
constexpr std::string_view kSpace = "only the bytes left for the spool are watched, by check_spool_space";
constexpr std::string_view kSpf = "SPF is not built yet";
constexpr std::string_view kSrs = "it is of an older SRS; ${srs_encode and inbound_srs are there instead";
constexpr std::string_view kTls = "TLS is not built yet, and not offered";

// Read before all others, because lists and expansions need them.
void read_before(MainDraft&, const Setting&, const OptionReader&) {}

constexpr OptionDef<MainDraft> early(std::string_view name, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::built, read_before, {}};
}

// Kept until the named ACLs have been read.
template <acl::Phase kPhase>
void keep_acl(MainDraft& draft, const Setting& setting, const OptionReader&) {
  draft.acl_settings[static_cast<std::size_t>(kPhase)] = setting;
}

template <acl::Phase kPhase>
constexpr OptionDef<MainDraft> acl_row() {
  return {acl::definition_of(kPhase).option, ValueKind::text, OptionStatus::built, keep_acl<kPhase>, {}};
}

template <std::int64_t routing::CalloutTimes::* Member>
void set_callout_time(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.seconds(setting)) draft.callout_times.*Member = *value;
}

void set_bare_newline(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  if (text->view() == "reject") {
    draft.smtp_bare_newline = BareNewlines::reject;
  } else if (text->view() == "normalise" || text->view() == "normalize") {
    draft.smtp_bare_newline = BareNewlines::normalise;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither reject nor normalise", printable(text->view(), 64)));
  }
}

// Calls `use` for each item of a list that is expanded when it is read; `use` says false for an item that is none.
template <class Use>
void each_item(const Setting& setting, const OptionReader& reader, std::string_view should_be, Use use) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  lists::ListReader items(text->view());
  std::string item;
  while (items.next(item))
    if (!item.empty() && !use(item))
      return reader.error(setting, fmt::format("\"{}\" is not {}", printable(item, 64), should_be));
}

void set_dns_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  each_item(setting, reader, "the address of a server, as in <; 192.0.2.1 ; [2001:db8::1]:5353", [&](const std::string& item) {
    const auto server = dns::parse_server(item);
    if (server) draft.dns_servers.push_back(*server);
    return server.has_value();
  });
  if (draft.dns_servers.size() > dns::kServersMax)
    reader.error(setting, fmt::format("{} servers, and at most {} are asked", draft.dns_servers.size(), dns::kServersMax));
}

void set_dns_dnssec_trusted(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  each_item(setting, reader, "an IP address", [&](const std::string& item) {
    const auto address = IpAddress::parse(item);
    if (address) draft.dns_dnssec_trusted.push_back(*address);
    return address.has_value();
  });
}

void set_redis_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  const auto servers = lookup::parse_redis_servers(text->view(), {});
  if (!servers) return reader.error(setting, servers.error());
  draft.redis_servers = std::string(text->view());
}

// A file, a folder, "system", or nothing; it is read when a lookup is found to want it.
void set_redis_tls_verify_certificates(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (!text->view().empty() && text->view() != "system" && !text->view().starts_with('/'))
    return reader.error(setting, "it is \"system\", an absolute name of a file or folder, or empty");
  draft.redis_tls_verify_certificates = std::string(text->view());
}

void set_sqlite_dbfile(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (!text->view().empty() && !text->view().starts_with('/'))
    return reader.error(setting, "the name must be absolute, beginning with /");
  draft.sqlite_dbfile = std::string(text->view());
}

// 0 is off, 1 on, -1 whatever the default is.
template <bool MainOptions::* Member>
void set_tristate(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto value = reader.integer(setting);
  if (!value) return;
  if (*value < -1 || *value > 1) return reader.error(setting, "it is 0 (off), 1 (on) or -1 (the default)");
  if (*value >= 0) draft.*Member = *value == 1;
}

// A list of places; of these, one file name is what there can be.
void set_log_file_path(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  std::string path;
  lists::ListReader items(text->view());
  for (std::string item; items.next(item);) {
    if (item == "syslog") {
      reader.warning(setting, "log_file_path: \"syslog\" has no effect: it is not built yet");
    } else if (!item.empty() && !path.empty()) {
      return reader.error(setting, "there can be one file name");
    } else if (!item.empty()) {
      path = item;
    }
  }
  if (path.empty()) return;
  const std::size_t mark = path.find("%s");
  if (!path.starts_with('/')) return reader.error(setting, "the file name must be absolute, beginning with /");
  if (mark == path.npos || path.find('%', mark + 1) != path.npos || path.find('%') != mark)
    return reader.error(setting, "the file name must hold %s once, for \"main\", \"reject\" or \"panic\", and no other %");
  draft.log_file_path = path;
}

void set_log_format(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  if (text->view() == "exim") {
    draft.log_format = LogFormat::exim;
  } else if (text->view() == "json") {
    draft.log_format = LogFormat::json;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither exim nor json", printable(text->view(), 64)));
  }
}

void set_log_selector(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto text = reader.text(setting)) draft.log_selector.apply(*text, reader.diagnostics());
}

void set_message_size_limit(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto limit = reader.bytes(setting)) draft.message_size_limit = *limit;
}

void set_retry_interval_max(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  constexpr std::int64_t kDay = 24 * 3600;
  const auto seconds = reader.seconds(setting);
  if (!seconds) return;
  if (*seconds <= kDay) {
    draft.retry_interval_max_s = *seconds;
  } else {
    reader.error(setting, "it cannot be more than 24h");
  }
}

void set_proxy_count_by(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (text->view() == "client") {
    draft.proxy_count_by = ProxyCount::client;
  } else if (text->view() == "proxy") {
    draft.proxy_count_by = ProxyCount::proxy;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither client nor proxy", printable(text->view(), 64)));
  }
}

void set_proxy_protocol_timeout(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  constexpr std::int64_t kLongest = 300;
  const auto seconds = reader.seconds(setting);
  if (!seconds) return;
  if (*seconds >= 1 && *seconds <= kLongest) {
    draft.proxy_protocol_timeout_s = *seconds;
  } else {
    reader.error(setting, "it must be between 1s and 5m");
  }
}

// The names are those of Exim's option index, and our own.
constexpr auto kTable = std::to_array<OptionDef<MainDraft>>({
    {"accept_8bitmime", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::accept_8bitmime, MainDraft>, {}},
    {"acl_not_smtp", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"acl_not_smtp_mime", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"acl_not_smtp_start", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"acl_smtp_atrn", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    {"acl_smtp_auth", ValueKind::text, OptionStatus::no_effect, nullptr, kAuth},
    acl_row<acl::Phase::connect>(),
    acl_row<acl::Phase::data>(),
    {"acl_smtp_data_prdr", ValueKind::text, OptionStatus::no_effect, nullptr, kPrdr},
    {"acl_smtp_dkim", ValueKind::text, OptionStatus::refused, nullptr, kDkim},
    acl_row<acl::Phase::etrn>(),
    acl_row<acl::Phase::expn>(),
    acl_row<acl::Phase::helo>(),
    acl_row<acl::Phase::mail>(),
    {"acl_smtp_mailauth", ValueKind::text, OptionStatus::no_effect, nullptr, kAuth},
    {"acl_smtp_mime", ValueKind::text, OptionStatus::refused, nullptr, kScan},
    acl_row<acl::Phase::notquit>(),
    acl_row<acl::Phase::predata>(),
    acl_row<acl::Phase::quit>(),
    acl_row<acl::Phase::rcpt>(),
    {"acl_smtp_starttls", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    acl_row<acl::Phase::vrfy>(),
    {"acl_smtp_wellknown", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    early("add_environment"),
    {"admin_groups", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"allow_domain_literals",
     ValueKind::boolean,
     OptionStatus::built,
     set_bool<&MainOptions::allow_domain_literals, MainDraft>,
     {}},
    {"allow_insecure_tainted_data", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"allow_mx_to_ip", ValueKind::boolean, OptionStatus::no_effect, nullptr, kDns},
    {"allow_utf8_domains", ValueKind::boolean, OptionStatus::no_effect, nullptr, kDns},
    {"atrn_domains", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    {"auth_advertise_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kAuth},
    {"auto_thaw", ValueKind::time, OptionStatus::no_effect, nullptr, kFrozen},
    {"av_scanner", ValueKind::text, OptionStatus::no_effect, nullptr, kScan},
    {"bi_command", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"bmi_config_file", ValueKind::text, OptionStatus::no_effect, nullptr, kBmi},
    {"bounce_message_file", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"bounce_message_text", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"bounce_return_body", ValueKind::boolean, OptionStatus::no_effect, nullptr, kBounces},
    {"bounce_return_linesize_limit", ValueKind::integer, OptionStatus::no_effect, nullptr, kBounces},
    {"bounce_return_message",
     ValueKind::boolean,
     OptionStatus::built,
     set_bool<&MainOptions::bounce_return_message, MainDraft>,
     {}},
    {"bounce_return_size_limit", ValueKind::integer, OptionStatus::no_effect, nullptr, kBounces},
    {"bounce_sender_authentication", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"callout_domain_negative_expire",
     ValueKind::time,
     OptionStatus::built,
     set_callout_time<&routing::CalloutTimes::domain_negative_s>,
     {}},
    {"callout_domain_positive_expire",
     ValueKind::time,
     OptionStatus::built,
     set_callout_time<&routing::CalloutTimes::domain_positive_s>,
     {}},
    {"callout_negative_expire", ValueKind::time, OptionStatus::built, set_callout_time<&routing::CalloutTimes::negative_s>, {}},
    {"callout_positive_expire", ValueKind::time, OptionStatus::built, set_callout_time<&routing::CalloutTimes::positive_s>, {}},
    {"callout_random_local_part",
     ValueKind::text,
     OptionStatus::built,
     set_program<&MainOptions::callout_random_local_part, MainDraft>,
     {}},
    {"check_log_inodes", ValueKind::integer, OptionStatus::no_effect, nullptr, kSpace},
    {"check_log_space", ValueKind::kilobytes, OptionStatus::no_effect, nullptr, kSpace},
    {"check_rfc2047_length", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"check_spool_inodes", ValueKind::integer, OptionStatus::no_effect, nullptr, kSpace},
    {"check_spool_space",
     ValueKind::kilobytes,
     OptionStatus::built,
     set_kilobytes<&MainOptions::check_spool_space, MainDraft>,
     {}},
    {"chunking_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::chunking_advertise_hosts, MainDraft>,
     {}},
    {"commandline_checks_require_admin", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"daemon_smtp_port", ValueKind::text, OptionStatus::alias, nullptr, "daemon_smtp_ports"},
    early("daemon_smtp_ports"),
    {"daemon_startup_retries", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNotHere},
    {"daemon_startup_sleep", ValueKind::time, OptionStatus::irrelevant, nullptr, kNotHere},
    {"dcc_direct_add_header", ValueKind::boolean, OptionStatus::no_effect, nullptr, kDcc},
    {"dccifd_address", ValueKind::text, OptionStatus::no_effect, nullptr, kDcc},
    {"dccifd_options", ValueKind::text, OptionStatus::no_effect, nullptr, kDcc},
    {"debug_store", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"delay_warning", ValueKind::time_list, OptionStatus::no_effect, nullptr, kBounces},
    {"delay_warning_condition", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"deliver_drop_privilege", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"deliver_queue_load_max", ValueKind::fixed, OptionStatus::no_effect, nullptr, kLoad},
    {"delivery_date_remove", ValueKind::boolean, OptionStatus::no_effect, nullptr, kRemove},
    {"disable_fsync", ValueKind::boolean, OptionStatus::no_effect, nullptr, kNever},
    early("disable_ipv6", ValueKind::boolean),
    {"dkim_verify_hashes", ValueKind::text, OptionStatus::no_effect, nullptr, kDkim},
    {"dkim_verify_keytypes", ValueKind::text, OptionStatus::no_effect, nullptr, kDkim},
    {"dkim_verify_min_keysizes", ValueKind::text, OptionStatus::no_effect, nullptr, kDkim},
    {"dkim_verify_minimal", ValueKind::boolean, OptionStatus::no_effect, nullptr, kDkim},
    {"dkim_verify_signers", ValueKind::text, OptionStatus::no_effect, nullptr, kDkim},
    {"dmarc_engine", ValueKind::text, OptionStatus::no_effect, nullptr, kDmarc},
    {"dmarc_forensic_sender", ValueKind::text, OptionStatus::no_effect, nullptr, kDmarc},
    {"dmarc_history_file", ValueKind::text, OptionStatus::no_effect, nullptr, kDmarc},
    {"dmarc_tld_file", ValueKind::text, OptionStatus::no_effect, nullptr, kDmarc},
    {"dns_again_means_nonexist",
     ValueKind::text,
     OptionStatus::built,
     set_domains<&MainOptions::dns_again_means_nonexist, MainDraft>,
     {}},
    {"dns_check_names_pattern", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"dns_cname_loops", ValueKind::integer, OptionStatus::no_effect, nullptr, kDns},
    {"dns_csa_search_limit",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::dns_csa_search_limit, MainDraft>,
     {}},
    {"dns_csa_use_reverse",
     ValueKind::boolean,
     OptionStatus::built,
     set_bool<&MainOptions::dns_csa_use_reverse, MainDraft>,
     {}},
    {"dns_dnssec_ok", ValueKind::integer, OptionStatus::built, set_tristate<&MainOptions::dns_dnssec_ok>, {}},
    {"dns_dnssec_trusted", ValueKind::text, OptionStatus::built, set_dns_dnssec_trusted, {}},
    {"dns_ipv4_lookup", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"dns_retrans", ValueKind::time, OptionStatus::built, set_seconds<&MainOptions::dns_retrans_s, MainDraft>, {}},
    {"dns_retry", ValueKind::integer, OptionStatus::built, set_count<&MainOptions::dns_retry, MainDraft>, {}},
    {"dns_servers", ValueKind::text, OptionStatus::built, set_dns_servers, {}},
    {"dns_trust_aa", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"dns_use_edns0", ValueKind::integer, OptionStatus::built, set_tristate<&MainOptions::dns_use_edns0>, {}},
    {"drop_cr", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"dsn_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::dsn_advertise_hosts, MainDraft>,
     {}},
    {"dsn_from", ValueKind::text, OptionStatus::built, set_program<&MainOptions::dsn_from, MainDraft>, {}},
    {"enhanced_status_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::enhanced_status_advertise_hosts, MainDraft>,
     {}},
    {"envelope_to_remove", ValueKind::boolean, OptionStatus::no_effect, nullptr, kRemove},
    {"errors_copy", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"errors_reply_to", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"event_action", ValueKind::text, OptionStatus::no_effect, nullptr, kEvents},
    {"exim_group", ValueKind::text, OptionStatus::built, set_expanded<&MainOptions::exim_group, MainDraft>, {}},
    {"exim_path", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"exim_user", ValueKind::text, OptionStatus::built, set_expanded<&MainOptions::exim_user, MainDraft>, {}},
    {"expand_allow_run", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::expand_allow_run, MainDraft>, {}},
    early("extra_local_interfaces"),
    {"extract_addresses_remove_arguments", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"finduser_retries", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"freeze_tell", ValueKind::text, OptionStatus::no_effect, nullptr, kFrozen},
    {"gecos_name", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"gecos_pattern", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"gnutls_allow_auto_pkcs11", ValueKind::boolean, OptionStatus::no_effect, nullptr, kTls},
    {"gnutls_compat_mode", ValueKind::boolean, OptionStatus::no_effect, nullptr, kTls},
    {"gnutls_require_kx", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"gnutls_require_mac", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"gnutls_require_protocols", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"header_line_maxsize", ValueKind::integer, OptionStatus::no_effect, nullptr, kLater},
    {"header_maxsize", ValueKind::integer, OptionStatus::built, set_bytes<&MainOptions::header_maxsize, MainDraft>, {}},
    {"headers_charset", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"helo_accept_junk_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::helo_accept_junk_hosts, MainDraft>,
     {}},
    {"helo_allow_chars", ValueKind::text, OptionStatus::built, set_text<&MainOptions::helo_allow_chars, MainDraft>, {}},
    {"helo_lookup_domains", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"helo_try_verify_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"helo_verify_hosts", ValueKind::text, OptionStatus::refused, nullptr, kDns},
    {"hold_domains", ValueKind::text, OptionStatus::refused, nullptr, kHold},
    {"host_lookup", ValueKind::text, OptionStatus::built, set_asking_hosts<&MainOptions::host_lookup, MainDraft>, {}},
    {"host_lookup_order", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"host_reject_connection",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::host_reject_connection, MainDraft>,
     {}},
    {"hosts_connection_nolog",
     ValueKind::text,
     OptionStatus::built,
     set_hosts<&MainOptions::hosts_connection_nolog, MainDraft>,
     {}},
    {"hosts_proxy", ValueKind::text, OptionStatus::built, set_hosts<&MainOptions::hosts_proxy, MainDraft>, {}},
    {"hosts_require_alpn", ValueKind::text, OptionStatus::no_effect, nullptr, kLater},
    {"hosts_require_helo",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::hosts_require_helo, MainDraft>,
     {}},
    {"hosts_treat_as_local", ValueKind::text, OptionStatus::no_effect, nullptr, kDns},
    {"hosts_xclient", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    {"ibase_servers", ValueKind::text, OptionStatus::no_effect, nullptr, kNeverLookups},
    {"ignore_bounce_errors_after",
     ValueKind::time,
     OptionStatus::built,
     set_seconds<&MainOptions::ignore_bounce_errors_after_s, MainDraft>,
     {}},
    {"ignore_fromline_hosts", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"ignore_fromline_local", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    early("keep_environment"),
    {"keep_malformed", ValueKind::time, OptionStatus::irrelevant, nullptr, kNotHere},
    {"ldap_ca_cert_dir", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_ca_cert_file", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_cert_file", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_cert_key", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_cipher_suite", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_default_servers", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_require_cert", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_start_tls", ValueKind::boolean, OptionStatus::no_effect, nullptr, kLookups},
    {"ldap_version", ValueKind::integer, OptionStatus::no_effect, nullptr, kLookups},
    {"limits_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::limits_advertise_hosts, MainDraft>,
     {}},
    {"local_from_check", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"local_from_prefix", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"local_from_suffix", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    early("local_interfaces"),
    {"local_scan_path", ValueKind::text, OptionStatus::refused, nullptr, kNever},
    {"local_scan_timeout", ValueKind::time, OptionStatus::no_effect, nullptr, kNever},
    {"local_sender_retain", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"localhost_number", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"log_file_path", ValueKind::text, OptionStatus::built, set_log_file_path, {}},
    {"log_format", ValueKind::text, OptionStatus::built, set_log_format, {}},
    {"log_ports", ValueKind::text, OptionStatus::no_effect, nullptr, kLog},
    {"log_selector", ValueKind::text, OptionStatus::built, set_log_selector, {}},
    {"log_timezone", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::log_timezone, MainDraft>, {}},
    {"lookup_open_max", ValueKind::integer, OptionStatus::built, set_count<&MainOptions::lookup_open_max, MainDraft>, {}},
    {"max_username_length", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"message_body_newlines", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"message_body_visible", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNotHere},
    {"message_id_header_domain", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"message_id_header_text", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"message_logs", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"message_size_limit", ValueKind::text, OptionStatus::built, set_message_size_limit, {}},
    {"move_frozen_messages", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"mua_wrapper", ValueKind::boolean, OptionStatus::refused, nullptr, kHold},
    {"mysql_servers", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"never_users", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"notifier_socket", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"openssl_options", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"oracle_servers", ValueKind::text, OptionStatus::no_effect, nullptr, kNeverLookups},
    {"panic_coredump", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"percent_hack_domains", ValueKind::text, OptionStatus::refused, nullptr, kPercent},
    {"perl_at_start", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"perl_startup", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"perl_taintmode", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"pgsql_servers", ValueKind::text, OptionStatus::no_effect, nullptr, kLookups},
    {"pid_file_path", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"pipelining_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::pipelining_advertise_hosts, MainDraft>,
     {}},
    {"pipelining_connect_advertise_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kLater},
    {"prdr_enable", ValueKind::boolean, OptionStatus::no_effect, nullptr, kPrdr},
    {"preserve_message_logs", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    early("primary_hostname"),
    {"print_topbitchars", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"process_log_path", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"prod_requires_admin", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"proxy_count_by", ValueKind::text, OptionStatus::built, set_proxy_count_by, {}},
    {"proxy_protocol_timeout", ValueKind::time, OptionStatus::built, set_proxy_protocol_timeout, {}},
    {"proxy_required_hosts", ValueKind::text, OptionStatus::old_name, nullptr, "hosts_proxy"},
    early("qualify_domain"),
    early("qualify_recipient"),
    {"queue_domains", ValueKind::text, OptionStatus::refused, nullptr, kHold},
    {"queue_fast_ramp", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"queue_list_requires_admin", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"queue_only", ValueKind::boolean, OptionStatus::refused, nullptr, kHold},
    {"queue_only_file", ValueKind::text, OptionStatus::refused, nullptr, kHold},
    {"queue_only_load", ValueKind::fixed, OptionStatus::no_effect, nullptr, kLoad},
    {"queue_only_load_latch", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"queue_only_override", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"queue_run_in_order", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"queue_run_max", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNotHere},
    {"queue_smtp_domains", ValueKind::text, OptionStatus::refused, nullptr, kHold},
    {"receive_timeout", ValueKind::time, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"received_header_text",
     ValueKind::text,
     OptionStatus::built,
     set_program<&MainOptions::received_header_text, MainDraft>,
     {}},
    {"received_headers_max",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::received_headers_max, MainDraft>,
     {}},
    {"recipient_unqualified_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::recipient_unqualified_hosts, MainDraft>,
     {}},
    {"recipients_max", ValueKind::text, OptionStatus::built, set_count<&MainOptions::recipients_max, MainDraft>, {}},
    {"recipients_max_reject",
     ValueKind::boolean,
     OptionStatus::built,
     set_bool<&MainOptions::recipients_max_reject, MainDraft>,
     {}},
    {"redis_servers", ValueKind::text, OptionStatus::built, set_redis_servers, {}},
    {"redis_tls_verify_certificates", ValueKind::text, OptionStatus::built, set_redis_tls_verify_certificates, {}},
    {"remote_max_parallel", ValueKind::integer, OptionStatus::no_effect, nullptr, kLoad},
    {"remote_sort_domains", ValueKind::text, OptionStatus::no_effect, nullptr, kLoad},
    {"retry_data_expire", ValueKind::time, OptionStatus::no_effect, nullptr, kLater},
    {"retry_interval_max", ValueKind::time, OptionStatus::built, set_retry_interval_max, {}},
    {"return_path_remove", ValueKind::boolean, OptionStatus::no_effect, nullptr, kRemove},
    {"rfc1413_hosts", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"rfc1413_query_timeout", ValueKind::time, OptionStatus::irrelevant, nullptr, kNotHere},
    {"sender_unqualified_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::sender_unqualified_hosts, MainDraft>,
     {}},
    {"slow_lookup_log", ValueKind::integer, OptionStatus::no_effect, nullptr, kLog},
    {"smtp_accept_keepalive", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"smtp_accept_max", ValueKind::integer, OptionStatus::built, set_count<&MainOptions::smtp_accept_max, MainDraft>, {}},
    {"smtp_accept_max_nonmail",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::smtp_accept_max_nonmail, MainDraft>,
     {}},
    {"smtp_accept_max_nonmail_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::smtp_accept_max_nonmail_hosts, MainDraft>,
     {}},
    {"smtp_accept_max_per_connection",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::smtp_accept_max_per_connection, MainDraft>,
     {}},
    {"smtp_accept_max_per_host",
     ValueKind::text,
     OptionStatus::built,
     set_count<&MainOptions::smtp_accept_max_per_host, MainDraft>,
     {}},
    {"smtp_accept_queue", ValueKind::integer, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_accept_queue_per_connection", ValueKind::integer, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_accept_reserve", ValueKind::integer, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_active_hostname",
     ValueKind::text,
     OptionStatus::built,
     set_program<&MainOptions::smtp_active_hostname, MainDraft>,
     {}},
    {"smtp_backlog_monitor", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNotHere},
    {"smtp_banner", ValueKind::text, OptionStatus::built, set_program<&MainOptions::smtp_banner, MainDraft>, {}},
    {"smtp_bare_newline", ValueKind::text, OptionStatus::built, set_bare_newline, {}},
    {"smtp_bare_newline_exempt_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::smtp_bare_newline_exempt_hosts, MainDraft>,
     {}},
    {"smtp_check_spool_space", ValueKind::boolean, OptionStatus::no_effect, nullptr, kSpace},
    {"smtp_connect_backlog", ValueKind::integer, OptionStatus::irrelevant, nullptr, kNotHere},
    {"smtp_enforce_sync", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::smtp_enforce_sync, MainDraft>, {}},
    {"smtp_etrn_command", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    {"smtp_etrn_serialize", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"smtp_load_reserve", ValueKind::fixed, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_max_synprot_errors",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::smtp_max_synprot_errors, MainDraft>,
     {}},
    {"smtp_max_unknown_commands",
     ValueKind::integer,
     OptionStatus::built,
     set_count<&MainOptions::smtp_max_unknown_commands, MainDraft>,
     {}},
    {"smtp_ratelimit_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_ratelimit_mail", ValueKind::text, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_ratelimit_rcpt", ValueKind::text, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_receive_timeout",
     ValueKind::time,
     OptionStatus::built,
     set_seconds<&MainOptions::smtp_receive_timeout_s, MainDraft>,
     {}},
    {"smtp_reserve_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kLoad},
    {"smtp_return_error_details",
     ValueKind::boolean,
     OptionStatus::built,
     set_bool<&MainOptions::smtp_return_error_details, MainDraft>,
     {}},
    {"smtputf8_advertise_hosts",
     ValueKind::text,
     OptionStatus::built,
     set_asking_hosts<&MainOptions::smtputf8_advertise_hosts, MainDraft>,
     {}},
    {"spamd_address", ValueKind::text, OptionStatus::no_effect, nullptr, kScan},
    {"spf_engine", ValueKind::text, OptionStatus::no_effect, nullptr, kSpf},
    {"spf_guess", ValueKind::text, OptionStatus::no_effect, nullptr, kSpf},
    {"spf_smtp_comment_template", ValueKind::text, OptionStatus::no_effect, nullptr, kSpf},
    {"split_spool_directory", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    early("spool_directory"),
    {"spool_preallocate", ValueKind::text, OptionStatus::built, set_bytes<&MainOptions::spool_preallocate, MainDraft>, {}},
    {"spool_wireformat", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"sqlite_dbfile", ValueKind::text, OptionStatus::built, set_sqlite_dbfile, {}},
    {"sqlite_lock_timeout",
     ValueKind::time,
     OptionStatus::built,
     set_seconds<&MainOptions::sqlite_lock_timeout_s, MainDraft>,
     {}},
    {"srs_config", ValueKind::text, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_hashlength", ValueKind::integer, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_hashmin", ValueKind::integer, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_maxage", ValueKind::integer, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_secrets", ValueKind::text, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_usehash", ValueKind::boolean, OptionStatus::no_effect, nullptr, kSrs},
    {"srs_usetimestamp", ValueKind::boolean, OptionStatus::no_effect, nullptr, kSrs},
    {"strict_acl_vars", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::strict_acl_vars, MainDraft>, {}},
    {"strip_excess_angle_brackets", ValueKind::boolean, OptionStatus::no_effect, nullptr, kLater},
    {"strip_trailing_dot", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::strip_trailing_dot, MainDraft>, {}},
    {"syslog_duplication", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"syslog_facility", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"syslog_pid", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"syslog_processname", ValueKind::text, OptionStatus::irrelevant, nullptr, kNotHere},
    {"syslog_timestamp", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"system_filter", ValueKind::text, OptionStatus::refused, nullptr, kFilter},
    {"system_filter_directory_transport", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"system_filter_file_transport", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"system_filter_group", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"system_filter_pipe_transport", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"system_filter_reply_transport", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"system_filter_user", ValueKind::text, OptionStatus::no_effect, nullptr, kFilter},
    {"tcp_nodelay", ValueKind::boolean, OptionStatus::irrelevant, nullptr, kNotHere},
    {"timeout_frozen_after",
     ValueKind::time,
     OptionStatus::built,
     set_seconds<&MainOptions::timeout_frozen_after_s, MainDraft>,
     {}},
    {"timezone", ValueKind::text, OptionStatus::no_effect, nullptr, kLog},
    {"tls_advertise_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_advertise_requiretls", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_alpn", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_certificate", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_crl", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_dh_max_bits", ValueKind::integer, OptionStatus::no_effect, nullptr, kTls},
    {"tls_dhparam", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_early_banner_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_eccurve", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_ocsp_file", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_on_connect_ports", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_privatekey", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_remember_esmtp", ValueKind::boolean, OptionStatus::no_effect, nullptr, kTls},
    {"tls_require_ciphers", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_resumption_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_try_verify_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_verify_certificates", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"tls_verify_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kTls},
    {"trusted_groups", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"trusted_users", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"unknown_login", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"unknown_username", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"untrusted_set_sender", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"uucp_from_pattern", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"uucp_from_sender", ValueKind::text, OptionStatus::irrelevant, nullptr, kNoCallers},
    {"warn_message_file", ValueKind::text, OptionStatus::no_effect, nullptr, kBounces},
    {"wellknown_advertise_hosts", ValueKind::text, OptionStatus::no_effect, nullptr, kNever},
    {"write_rejectlog", ValueKind::boolean, OptionStatus::built, set_bool<&MainOptions::write_rejectlog, MainDraft>, {}},
});
static_assert(std::ranges::is_sorted(kTable, {}, &OptionDef<MainDraft>::name));
static_assert(std::ranges::adjacent_find(kTable, {}, &OptionDef<MainDraft>::name) == kTable.end());
static_assert(std::ranges::all_of(kTable, [](const OptionDef<MainDraft>& row) {
  return (row.status == OptionStatus::built) == (row.apply != nullptr) && (row.apply != nullptr) == row.note.empty();
}));

}  // namespace

std::span<const OptionDef<MainDraft>> main_table() noexcept { return kTable; }

}  // namespace postern::config
