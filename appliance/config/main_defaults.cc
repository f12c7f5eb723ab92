#include "appliance/config/main_defaults.h"

#include <algorithm>
#include <array>

#include "policy/dcc/request.h"
#include "policy/spf/spf.h"

namespace postern::config {

namespace {

// The text of a Received: header field, as Exim writes it, without the end of its last line; the date comes behind it.
constexpr std::string_view kReceivedHeader =
    "Received: ${if def:sender_rcvhost {from $sender_rcvhost\\n\\t}"
    "{${if def:sender_ident {from ${quote_local_part:$sender_ident} }}"
    "${if def:sender_helo_name {(helo=$sender_helo_name)\\n\\t}}}}"
    "by $primary_hostname ${if def:received_protocol {with $received_protocol }}"
    "${if def:tls_in_ver { ($tls_in_ver)}}${if def:tls_in_cipher_std { tls $tls_in_cipher_std\\n\\t}}"
    "(Postern $version_number)\\n\\t${if def:sender_address {(envelope-from <$sender_address>)\\n\\t}}"
    "id $message_exim_id${if def:received_for {\\n\\tfor $received_for}}";

constexpr std::string_view kNobody;
constexpr std::string_view kEveryone = "*";

struct Default {
  std::string_view name;
  std::string_view text;
};

constexpr auto kDefaults = std::to_array<Default>({
    {"accept_8bitmime", "yes"},
    {"acl_smtp_connect", {}},
    {"acl_smtp_data", {}},
    {"acl_smtp_dkim", {}},
    {"acl_smtp_etrn", {}},
    {"acl_smtp_expn", {}},
    {"acl_smtp_helo", {}},
    {"acl_smtp_mail", {}},
    {"acl_smtp_notquit", {}},
    {"acl_smtp_predata", {}},
    {"acl_smtp_quit", {}},
    {"acl_smtp_rcpt", {}},
    {"acl_smtp_vrfy", {}},
    {"add_environment", {}},
    {"allow_domain_literals", "no"},
    {"authres_trust_hosts", kNobody},
    {"authserv_id", {}},
    {"bounce_return_message", "yes"},
    {"callout_domain_negative_expire", "3h"},
    {"callout_domain_positive_expire", "7d"},
    {"callout_negative_expire", "2h"},
    {"callout_positive_expire", "24h"},
    {"callout_random_local_part", "$primary_hostname-$tod_epoch-testing"},
    {"check_spool_space", "10M"},
    {"chunking_advertise_hosts", kEveryone},
    {"daemon_smtp_ports", "smtp"},
    {"dcc_direct_add_header", "no"},
    {"dccifd_address", {}},
    {"dccifd_options", dcc::kDefaultOptions},
    {"dccifd_timeout", "60s"},
    {"disable_ipv6", "no"},
    {"dkim_timeout", "30s"},
    {"dkim_verify_hashes", "sha256:sha512"},
    {"dkim_verify_keytypes", "ed25519:rsa"},
    {"dkim_verify_min_keysizes", "rsa=1024 ed25519=250"},
    {"dkim_verify_minimal", "no"},
    {"dkim_verify_signers", "$dkim_signers"},
    {"dmarc_history_file", {}},
    {"dmarc_timeout", "30s"},
    {"dmarc_tld_file", {}},
    {"dns_again_means_nonexist", kNobody},
    {"dns_csa_search_limit", "5"},
    {"dns_csa_use_reverse", "yes"},
    {"dns_dnssec_ok", "-1"},
    {"dns_dnssec_trusted", {}},
    {"dns_retrans", "0s"},
    {"dns_retry", "0"},
    {"dns_servers", {}},
    {"dns_use_edns0", "-1"},
    {"dsn_advertise_hosts", kEveryone},
    {"dsn_from", "Mail Delivery System <Mailer-Daemon@$qualify_domain>"},
    {"enhanced_status_advertise_hosts", kEveryone},
    {"exim_group", {}},
    {"exim_user", {}},
    {"expand_allow_run", "yes"},
    {"extra_local_interfaces", {}},
    {"header_maxsize", "1M"},
    {"helo_accept_junk_hosts", kNobody},
    {"helo_allow_chars", {}},
    {"host_lookup", kNobody},
    {"host_reject_connection", kNobody},
    {"hosts_connection_nolog", kNobody},
    {"hosts_proxy", kNobody},
    {"hosts_require_helo", kEveryone},
    {"ignore_bounce_errors_after", "10w"},
    {"keep_environment", {}},
    {"limits_advertise_hosts", kEveryone},
    {"local_interfaces", "<; ::0 ; 0.0.0.0"},
    {"log_file_path", "/var/log/postern/%slog"},
    {"log_format", "exim"},
    {"log_selector", {}},
    {"log_timezone", "no"},
    {"lookup_open_max", "25"},
    {"message_body_newlines", "no"},
    {"message_body_visible", "500"},
    {"message_size_limit", "50M"},
    {"pipelining_advertise_hosts", kEveryone},
    {"proxy_count_by", "client"},
    {"proxy_protocol_timeout", "3s"},
    {"received_header_text", kReceivedHeader},
    {"received_headers_max", "30"},
    {"recipient_unqualified_hosts", kNobody},
    {"recipients_max", "50000"},
    {"recipients_max_reject", "no"},
    {"redis_servers", {}},
    {"redis_tls_verify_certificates", "system"},
    {"retry_interval_max", "24h"},
    {"sender_unqualified_hosts", kNobody},
    {"smtp_accept_max", "20000"},
    {"smtp_accept_max_nonmail", "10"},
    {"smtp_accept_max_nonmail_hosts", kEveryone},
    {"smtp_accept_max_per_connection", "0"},
    {"smtp_accept_max_per_host", "0"},
    {"smtp_active_hostname", {}},
    {"smtp_banner", "$smtp_active_hostname ESMTP Postern $version_number $tod_full"},
    {"smtp_bare_newline", "reject"},
    {"smtp_bare_newline_exempt_hosts", kNobody},
    {"smtp_enforce_sync", "yes"},
    {"smtp_max_synprot_errors", "3"},
    {"smtp_max_unknown_commands", "3"},
    {"smtp_receive_timeout", "5m"},
    {"smtp_return_error_details", "no"},
    {"smtputf8_advertise_hosts", kEveryone},
    {"spf_guess", spf::kGuessRecord},
    {"spf_smtp_comment_template", spf::kSmtpComment},
    {"spf_timeout", "20s"},
    {"spool_directory", "/var/spool/postern"},
    {"spool_preallocate", "16M"},
    {"sqlite_dbfile", {}},
    {"sqlite_lock_timeout", "5s"},
    {"strict_acl_vars", "no"},
    {"strip_trailing_dot", "no"},
    {"timeout_frozen_after", "0s"},
    {"write_rejectlog", "yes"},
});
static_assert(std::ranges::is_sorted(kDefaults, {}, &Default::name));

}  // namespace

std::optional<std::string_view> default_of(std::string_view option) noexcept {
  const auto* const found = std::ranges::lower_bound(kDefaults, option, {}, &Default::name);
  return found != kDefaults.end() && found->name == option ? std::optional(found->text) : std::nullopt;
}

}  // namespace postern::config
