#include "appliance/ingress/policy.h"

#include <utility>

#include "appliance/config/main_options.h"
#include "appliance/config/resolver_settings.h"
#include "appliance/control/log_style.h"
#include "net/dns/resolver.h"

namespace postern::ingress {
namespace {

smtp::SessionLimits make_limits(const config::MainOptions& main) {
  smtp::SessionLimits limits;
  limits.message_size_limit = main.message_size_limit;
  limits.recipients_max = main.recipients_max;
  limits.recipients_max_reject = main.recipients_max_reject;
  limits.smtp_accept_max_per_connection = main.smtp_accept_max_per_connection;
  limits.smtp_accept_max_nonmail = main.smtp_accept_max_nonmail;
  limits.smtp_max_synprot_errors = main.smtp_max_synprot_errors;
  limits.smtp_max_unknown_commands = main.smtp_max_unknown_commands;
  limits.received_headers_max = main.received_headers_max;
  limits.header_maxsize = main.header_maxsize;
  limits.smtp_receive_timeout_ms = main.smtp_receive_timeout_s * 1'000;
  return limits;
}

ClientLists make_client_lists(const config::MainOptions& main) {
  return {.enhanced_status = main.enhanced_status_advertise_hosts,
          .limits = main.limits_advertise_hosts,
          .pipelining = main.pipelining_advertise_hosts,
          .chunking = main.chunking_advertise_hosts,
          .smtputf8 = main.smtputf8_advertise_hosts,
          .dsn = main.dsn_advertise_hosts,
          .helo_accept_junk = main.helo_accept_junk_hosts,
          .sender_unqualified = main.sender_unqualified_hosts,
          .recipient_unqualified = main.recipient_unqualified_hosts,
          .count_nonmail = main.smtp_accept_max_nonmail_hosts,
          .bare_newline_exempt = main.smtp_bare_newline_exempt_hosts,
          .reject_connection = main.host_reject_connection,
          .require_helo = main.hosts_require_helo,
          .connection_nolog = main.hosts_connection_nolog,
          .proxies = main.hosts_proxy,
          .authres_trust = main.authres_trust_hosts,
          .host_lookup = main.host_lookup};
}

// Those that deliver on this machine call nobody.
std::vector<routing::CalloutTransport> make_callout_transports(const std::vector<config::Transport>& transports) {
  std::vector<routing::CalloutTransport> made;
  for (const config::Transport& transport : transports) {
    const auto* const smtp = std::get_if<config::SmtpTransport>(&transport.driver);
    if (smtp == nullptr || !smtp->socket.empty()) continue;
    made.push_back({.name = transport.name,
                    .hosts = smtp->hosts,
                    .hosts_override = smtp->hosts_override,
                    .lmtp = smtp->lmtp,
                    .tls = smtp->tls,
                    .port = smtp->port,
                    .interfaces = smtp->interfaces,
                    .helo_data = smtp->helo_data});
  }
  return made;
}

checks::Settings make_check_settings(const config::Config& config) {
  const config::MainOptions& main = config.main;
  checks::Settings settings{
      .wanted = config.language->wanted,
      .receiver = main.primary_hostname,
      .spf_guess = main.spf_guess,
      .spf_smtp_comment = main.spf_smtp_comment_template,
      .spf_deadline_ms = main.spf_timeout_s * 1'000,
      .dkim = main.dkim_verify,
      .dkim_deadline_ms = main.dkim_timeout_s * 1'000,
      .arc = {.keys = {.rsa_bits_min = main.dkim_verify.rsa_bits_min, .ed25519_bits_min = main.dkim_verify.ed25519_bits_min}},
      .suffixes = main.dmarc_suffixes,
      .dmarc_deadline_ms = main.dmarc_timeout_s * 1'000,
      .dcc_deadline_ms = main.dccifd_timeout_s * 1'000};
  if (config.acl_for(acl::Phase::dkim) != nullptr ||
      config.acl_text_of_phase[static_cast<std::size_t>(acl::Phase::dkim)].has_value())
    settings.wanted.add(expand::Check::dkim);
  // DMARC stands on both.
  if (settings.wanted.has(expand::Check::dmarc)) {
    settings.wanted.add(expand::Check::spf);
    settings.wanted.add(expand::Check::dkim);
  }
  return settings;
}

}  // namespace

const std::array<ClientLists::Member, ClientLists::kCount>& ClientLists::all() noexcept {
  static constexpr std::array<Member, kCount> kAll = {&ClientLists::enhanced_status,
                                                      &ClientLists::limits,
                                                      &ClientLists::pipelining,
                                                      &ClientLists::chunking,
                                                      &ClientLists::smtputf8,
                                                      &ClientLists::dsn,
                                                      &ClientLists::helo_accept_junk,
                                                      &ClientLists::sender_unqualified,
                                                      &ClientLists::recipient_unqualified,
                                                      &ClientLists::count_nonmail,
                                                      &ClientLists::bare_newline_exempt,
                                                      &ClientLists::reject_connection,
                                                      &ClientLists::require_helo,
                                                      &ClientLists::host_lookup};
  return kAll;
}

IngressPolicy make_policy(const config::Config& config) {
  const config::MainOptions& main = config.main;
  IngressPolicy policy;
  policy.limits = make_limits(main);
  policy.connections_per_host_max = main.smtp_accept_max_per_host;
  policy.proxy_header_timeout_ms = main.proxy_protocol_timeout_s * 1'000;
  policy.counts_proxies = main.proxy_count_by == config::ProxyCount::proxy;
  policy.accept_8bitmime = main.accept_8bitmime;
  policy.enforce_sync = main.smtp_enforce_sync;
  policy.bare_newline =
      main.smtp_bare_newline == config::BareNewlines::reject ? smtp::BareNewline::reject : smtp::BareNewline::normalise;
  policy.primary_hostname = main.primary_hostname;
  policy.qualify_domain = main.qualify_domain;
  policy.qualify_recipient = main.qualify_recipient;
  policy.helo_allow_chars = main.helo_allow_chars;
  policy.spool_directory = main.spool_directory;
  policy.active_hostname = main.smtp_active_hostname;
  policy.banner = main.smtp_banner;
  policy.received_header = main.received_header_text;
  policy.clients = make_client_lists(main);
  policy.log_selector = main.log_selector;
  policy.log_style = control::log_style(main, "ingress");
  policy.resolver = config::make_resolver_settings(main);
  policy.acls = config.acl_of_phase;
  policy.acl_texts = config.acl_text_of_phase;
  policy.named_acls = config.acls;
  policy.routers = config.routers;
  policy.local_addresses = config.local_addresses;
  policy.callout_transports = make_callout_transports(config.transports);
  policy.callout_times = main.callout_times;
  policy.callout_random_local_part = main.callout_random_local_part;
  policy.log_sender_verify_fail = main.log_selector.has(config::LogSelector::sender_verify_fail);
  policy.checks = make_check_settings(config);
  policy.dkim_verify_signers = main.dkim_verify_signers;
  policy.body_shown = main.body_shown;
  policy.language = config.language;
  return policy;
}

}  // namespace postern::ingress
