#include "policy/expand/variables.h"

#include <algorithm>
#include <array>

#include "engine/smtp/chars.h"
#include "policy/expand/nearest.h"

namespace postern::expand {

namespace {

using Id = VariableId;

constexpr VariableDef ours(std::string_view name, Id id) { return {name, id, Bytes::ours, {}}; }
constexpr VariableDef peers(std::string_view name, Id id) { return {name, id, Bytes::peers, {}}; }
constexpr VariableDef depends(std::string_view name, Id id) { return {name, id, Bytes::depends, {}}; }
constexpr VariableDef old_name(std::string_view name, Id id, std::string_view successor) {
  return {.name = name, .id = id, .successor = successor};
}
constexpr VariableDef fetched(std::string_view name, Id id) { return {name, id, Bytes::peers, {}, true}; }
constexpr VariableDef of_text(std::string_view name, Id id, Bytes bytes) {
  return {.name = name, .id = id, .bytes = bytes, .of_text = true};
}
constexpr VariableDef later(std::string_view name, std::string_view why) { return {name, Id::none, Bytes::peers, why}; }

constexpr std::string_view kAuth = "SMTP AUTH is not built yet";
constexpr std::string_view kBmi = "Brightmail is not built yet";
constexpr std::string_view kBuild = "builds are told apart by $version_number";
constexpr std::string_view kCallout = "address verification is not built yet";
constexpr std::string_view kDelivery = "it is not built yet for this delivery process";
constexpr std::string_view kDns = "the check that sets it is not built yet";
constexpr std::string_view kEvents = "events are not built yet";
constexpr std::string_view kExim = "it is about a process of Exim, and postern is made differently";
constexpr std::string_view kFacts = "this fact is not collected yet";
constexpr std::string_view kFilters = "filters are not built";
constexpr std::string_view kLocal = "there are no local submissions and no local users here";
constexpr std::string_view kLocalhost = "ids of messages have no number of the host";
constexpr std::string_view kLdap = "LDAP is not built yet";
constexpr std::string_view kMime = "MIME scanning is not built yet";
constexpr std::string_view kOption = "the option of that name says it";
constexpr std::string_view kPrdr = "PRDR is not built yet, and not offered";
constexpr std::string_view kRegex = "the condition \"regex\" is not built yet";
constexpr std::string_view kRouting = "the router feature that sets it is not built yet";
constexpr std::string_view kScan = "content scanning is not built yet";
constexpr std::string_view kSpace = "check_spool_space watches the space, and refuses mail before it runs out";
constexpr std::string_view kSrs = "it is of an older SRS; ${srs_encode and inbound_srs are there instead";
constexpr std::string_view kTls = "TLS is not built yet";

constexpr auto kVariables = std::to_array<VariableDef>({
    depends("acl_arg1", Id::acl_arg1),
    depends("acl_arg2", Id::acl_arg2),
    depends("acl_arg3", Id::acl_arg3),
    depends("acl_arg4", Id::acl_arg4),
    depends("acl_arg5", Id::acl_arg5),
    depends("acl_arg6", Id::acl_arg6),
    depends("acl_arg7", Id::acl_arg7),
    depends("acl_arg8", Id::acl_arg8),
    depends("acl_arg9", Id::acl_arg9),
    ours("acl_narg", Id::acl_narg),
    peers("acl_verify_message", Id::acl_verify_message),
    depends("address_data", Id::address_data),
    later("address_file", kDelivery),
    later("address_pipe", kDelivery),
    peers("arc_domains", Id::arc_domains),
    ours("arc_oldest_pass", Id::arc_oldest_pass),
    ours("arc_state", Id::arc_state),
    peers("arc_state_reason", Id::arc_state_reason),
    later("atrn_host", kDelivery),
    later("atrn_mode", kDelivery),
    later("auth1", kAuth),
    later("auth2", kAuth),
    later("auth3", kAuth),
    later("authenticated_fail_id", kAuth),
    later("authenticated_id", kAuth),
    later("authenticated_sender", kAuth),
    later("authentication_failed", kAuth),
    later("av_failed", kScan),
    later("bmi_alt_location", kBmi),
    later("bmi_base64_tracker_verdict", kBmi),
    later("bmi_base64_verdict", kBmi),
    later("bmi_deliver", kBmi),
    of_text("body_linecount", Id::body_linecount, Bytes::ours),
    of_text("body_zerocount", Id::body_zerocount, Bytes::ours),
    later("bounce_recipient", kDelivery),
    later("bounce_return_size_limit", kDelivery),
    later("caller_gid", kLocal),
    later("caller_uid", kLocal),
    later("callout_address", kCallout),
    later("compile_date", kBuild),
    later("compile_number", kBuild),
    later("config_dir", kFacts),
    later("config_file", kFacts),
    ours("connection_id", Id::connection_id),
    ours("csa_status", Id::csa_status),
    peers("dcc_header", Id::dcc_header),
    ours("dcc_result", Id::dcc_result),
    ours("dkim_algo", Id::dkim_algo),
    ours("dkim_bodylength", Id::dkim_bodylength),
    ours("dkim_canon_body", Id::dkim_canon_body),
    ours("dkim_canon_headers", Id::dkim_canon_headers),
    peers("dkim_copiedheaders", Id::dkim_copiedheaders),
    ours("dkim_created", Id::dkim_created),
    peers("dkim_cur_signer", Id::dkim_cur_signer),
    depends("dkim_domain", Id::dkim_domain),
    ours("dkim_expires", Id::dkim_expires),
    peers("dkim_headernames", Id::dkim_headernames),
    peers("dkim_identity", Id::dkim_identity),
    peers("dkim_key_granularity", Id::dkim_key_granularity),
    ours("dkim_key_length", Id::dkim_key_length),
    ours("dkim_key_nosubdomains", Id::dkim_key_nosubdomains),
    peers("dkim_key_notes", Id::dkim_key_notes),
    peers("dkim_key_srvtype", Id::dkim_key_srvtype),
    ours("dkim_key_testing", Id::dkim_key_testing),
    depends("dkim_selector", Id::dkim_selector),
    peers("dkim_signers", Id::dkim_signers),
    ours("dkim_verify_reason", Id::dkim_verify_reason),
    later("dkim_verify_signers", kOption),
    ours("dkim_verify_status", Id::dkim_verify_status),
    ours("dmarc_alignment_dkim", Id::dmarc_alignment_dkim),
    ours("dmarc_alignment_spf", Id::dmarc_alignment_spf),
    peers("dmarc_ar_header", Id::dmarc_ar_header),
    ours("dmarc_domain_policy", Id::dmarc_domain_policy),
    ours("dmarc_status", Id::dmarc_status),
    ours("dmarc_status_text", Id::dmarc_status_text),
    peers("dmarc_used_domain", Id::dmarc_used_domain),
    peers("dnslist_domain", Id::dnslist_domain),
    peers("dnslist_matched", Id::dnslist_matched),
    peers("dnslist_text", Id::dnslist_text),
    peers("dnslist_value", Id::dnslist_value),
    peers("domain", Id::domain),
    depends("domain_data", Id::domain_data),
    later("event_data", kEvents),
    later("event_defer_errno", kEvents),
    later("event_name", kEvents),
    later("exim_gid", kExim),
    later("exim_path", kExim),
    later("exim_uid", kExim),
    ours("exim_version", Id::exim_version),
    peers("headers_added", Id::headers_added),
    later("home", kLocal),
    ours("host", Id::host),
    ours("host_address", Id::host_address),
    depends("host_data", Id::host_data),
    ours("host_lookup_deferred", Id::host_lookup_deferred),
    ours("host_lookup_failed", Id::host_lookup_failed),
    ours("host_port", Id::host_port),
    later("initial_cwd", kExim),
    later("inode", kDelivery),
    ours("interface_address", Id::interface_address),
    ours("interface_port", Id::interface_port),
    later("ldap_dn", kLdap),
    ours("load_average", Id::load_average),
    peers("local_part", Id::local_part),
    depends("local_part_data", Id::local_part_data),
    later("local_part_prefix", kRouting),
    later("local_part_prefix_v", kRouting),
    later("local_part_suffix", kRouting),
    later("local_part_suffix_v", kRouting),
    later("local_part_verified", kCallout),
    later("local_scan_data", kScan),
    later("local_user_gid", kLocal),
    later("local_user_uid", kLocal),
    later("localhost_number", kLocalhost),
    later("log_inodes", kSpace),
    later("log_space", kSpace),
    later("lookup_dnssec_authenticated", kDns),
    later("mailstore_basename", kDelivery),
    later("malware_name", kScan),
    of_text("max_received_linelength", Id::max_received_linelength, Bytes::ours),
    later("message_age", kDelivery),
    of_text("message_body", Id::message_body, Bytes::peers),
    of_text("message_body_end", Id::message_body_end, Bytes::peers),
    of_text("message_body_size", Id::message_body_size, Bytes::ours),
    ours("message_exim_id", Id::message_exim_id),
    of_text("message_headers", Id::message_headers, Bytes::peers),
    of_text("message_headers_raw", Id::message_headers_raw, Bytes::peers),
    ours("message_id", Id::message_exim_id),
    of_text("message_linecount", Id::message_linecount, Bytes::ours),
    ours("message_size", Id::message_size),
    later("mime_anomaly_level", kMime),
    later("mime_anomaly_text", kMime),
    later("mime_boundary", kMime),
    later("mime_charset", kMime),
    later("mime_content_description", kMime),
    later("mime_content_disposition", kMime),
    later("mime_content_id", kMime),
    later("mime_content_size", kMime),
    later("mime_content_transfer_encoding", kMime),
    later("mime_content_type", kMime),
    later("mime_decoded_filename", kMime),
    later("mime_filename", kMime),
    later("mime_is_coverletter", kMime),
    later("mime_is_multipart", kMime),
    later("mime_is_rfc822", kMime),
    later("mime_part_count", kMime),
    later("original_domain", kRouting),
    later("original_local_part", kRouting),
    later("originator_gid", kLocal),
    later("originator_uid", kLocal),
    later("parent_domain", kRouting),
    later("parent_local_part", kRouting),
    ours("pid", Id::pid),
    later("pipe_addresses", kDelivery),
    later("prdr_requested", kPrdr),
    ours("primary_hostname", Id::primary_hostname),
    ours("proxy_external_address", Id::proxy_external_address),
    ours("proxy_external_port", Id::proxy_external_port),
    old_name("proxy_host_address", Id::proxy_local_address, "proxy_local_address"),
    old_name("proxy_host_port", Id::proxy_local_port, "proxy_local_port"),
    ours("proxy_local_address", Id::proxy_local_address),
    ours("proxy_local_port", Id::proxy_local_port),
    ours("proxy_session", Id::proxy_session),
    old_name("proxy_target_address", Id::proxy_external_address, "proxy_external_address"),
    old_name("proxy_target_port", Id::proxy_external_port, "proxy_external_port"),
    ours("prvscheck_result", Id::prvscheck_result),
    ours("qualify_domain", Id::qualify_domain),
    ours("qualify_recipient", Id::qualify_recipient),
    later("queue_name", kDelivery),
    later("queue_size", kDelivery),
    ours("rcpt_count", Id::rcpt_count),
    ours("rcpt_defer_count", Id::rcpt_defer_count),
    ours("rcpt_fail_count", Id::rcpt_fail_count),
    ours("received_count", Id::received_count),
    peers("received_for", Id::received_for),
    ours("received_ip_address", Id::interface_address),
    ours("received_port", Id::interface_port),
    ours("received_protocol", Id::received_protocol),
    ours("received_time", Id::received_time),
    depends("recipient_data", Id::recipient_data),
    ours("recipient_verify_failure", Id::recipient_verify_failure),
    peers("recipients", Id::recipients),
    ours("recipients_count", Id::recipients_count),
    later("regex1", kRegex),
    later("regex_match_string", kRegex),
    peers("reply_address", Id::reply_address),
    peers("return_path", Id::return_path),
    later("return_size_limit", kDelivery),
    ours("router_name", Id::router_name),
    later("self_hostname", kRouting),
    peers("sender_address", Id::sender_address),
    depends("sender_address_data", Id::sender_address_data),
    peers("sender_address_domain", Id::sender_address_domain),
    peers("sender_address_local_part", Id::sender_address_local_part),
    depends("sender_data", Id::sender_data),
    peers("sender_fullhost", Id::sender_fullhost),
    later("sender_helo_dnssec", kDns),
    peers("sender_helo_name", Id::sender_helo_name),
    later("sender_helo_verified", kDns),
    ours("sender_host_address", Id::sender_host_address),
    later("sender_host_authenticated", kAuth),
    ours("sender_host_dnssec", Id::sender_host_dnssec),
    fetched("sender_host_name", Id::sender_host_name),
    ours("sender_host_port", Id::sender_host_port),
    peers("sender_ident", Id::sender_ident),
    ours("sender_rate", Id::sender_rate),
    ours("sender_rate_limit", Id::sender_rate_limit),
    ours("sender_rate_period", Id::sender_rate_period),
    peers("sender_rcvhost", Id::sender_rcvhost),
    ours("sender_verify_failure", Id::sender_verify_failure),
    later("sending_ip_address", kDelivery),
    later("sending_port", kDelivery),
    ours("smtp_active_hostname", Id::smtp_active_hostname),
    peers("smtp_command", Id::smtp_command),
    peers("smtp_command_argument", Id::smtp_command_argument),
    ours("smtp_command_history", Id::smtp_command_history),
    later("smtp_count_at_connection_start", kFacts),
    ours("smtp_notquit_reason", Id::smtp_notquit_reason),
    later("spam_action", kScan),
    later("spam_bar", kScan),
    later("spam_report", kScan),
    later("spam_score", kScan),
    later("spam_score_int", kScan),
    peers("spf_header_comment", Id::spf_header_comment),
    peers("spf_received", Id::spf_received),
    ours("spf_result", Id::spf_result),
    ours("spf_result_guessed", Id::spf_result_guessed),
    peers("spf_smtp_comment", Id::spf_smtp_comment),
    peers("spf_used_domain", Id::spf_used_domain),
    ours("spool_directory", Id::spool_directory),
    later("spool_inodes", kSpace),
    later("spool_space", kSpace),
    later("srs_db_address", kSrs),
    later("srs_db_key", kSrs),
    later("srs_orig_recipient", kSrs),
    later("srs_orig_sender", kSrs),
    later("srs_status", kSrs),
    later("thisaddress", kFilters),
    ours("tls_bits", Id::tls_in_bits),
    later("tls_certificate_verified", kTls),
    ours("tls_cipher", Id::tls_in_cipher),
    ours("tls_in_bits", Id::tls_in_bits),
    later("tls_in_certificate_verified", kTls),
    ours("tls_in_cipher", Id::tls_in_cipher),
    ours("tls_in_cipher_std", Id::tls_in_cipher_std),
    later("tls_in_ocsp", kTls),
    ours("tls_in_ourcert", Id::tls_in_ourcert),
    peers("tls_in_peercert", Id::tls_in_peercert),
    peers("tls_in_peerdn", Id::tls_in_peerdn),
    later("tls_in_resumption", kTls),
    peers("tls_in_sni", Id::tls_in_sni),
    ours("tls_in_ver", Id::tls_in_ver),
    later("tls_out_bits", kTls),
    later("tls_out_certificate_verified", kTls),
    later("tls_out_cipher", kTls),
    later("tls_out_cipher_std", kTls),
    later("tls_out_dane", kTls),
    later("tls_out_ocsp", kTls),
    ours("tls_out_ourcert", Id::tls_out_ourcert),
    peers("tls_out_peercert", Id::tls_out_peercert),
    later("tls_out_peerdn", kTls),
    later("tls_out_resumption", kTls),
    later("tls_out_sni", kTls),
    later("tls_out_tlsa_usage", kTls),
    later("tls_out_ver", kTls),
    peers("tls_peerdn", Id::tls_in_peerdn),
    peers("tls_sni", Id::tls_in_sni),
    ours("tod_bsdinbox", Id::tod_bsdinbox),
    ours("tod_epoch", Id::tod_epoch),
    ours("tod_epoch_l", Id::tod_epoch_l),
    ours("tod_full", Id::tod_full),
    ours("tod_log", Id::tod_log),
    ours("tod_logfile", Id::tod_logfile),
    ours("tod_zone", Id::tod_zone),
    ours("tod_zulu", Id::tod_zulu),
    ours("transport_name", Id::transport_name),
    later("verify_mode", kCallout),
    ours("version_number", Id::version_number),
    later("warn_message_delay", kDelivery),
    later("warn_message_recipient", kDelivery),
    later("warn_message_recipients", kDelivery),
});
static_assert(std::ranges::is_sorted(kVariables, {}, &VariableDef::name));
static_assert(std::ranges::adjacent_find(kVariables, {}, &VariableDef::name) == kVariables.end());
static_assert(std::ranges::all_of(kVariables, [](const VariableDef& v) { return (v.id == Id::none) != v.not_built.empty(); }));

struct Family {
  std::string_view prefix;
  std::string_view why;
};

// Longer prefixes before the shorter ones that begin them.
constexpr auto kFamilies = std::to_array<Family>({
    {"r_", kRouting},
    {"regex", kRegex},
});

}  // namespace

const VariableDef* find_variable(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kVariables, name, {}, &VariableDef::name);
  return found != kVariables.end() && found->name == name ? found : nullptr;
}

std::string_view refused_family(std::string_view name) noexcept {
  for (const Family& family : kFamilies)
    if (name.starts_with(family.prefix) && name.size() > family.prefix.size()) return family.why;
  return {};
}

std::optional<OwnVariable> own_variable(std::string_view name) noexcept {
  if (name == "value") return OwnVariable::value;
  if (name == "item") return OwnVariable::item;
  if (name == "runrc") return OwnVariable::runrc;
  if (name == "prvscheck_address") return OwnVariable::prvscheck_address;
  if (name == "prvscheck_keynum") return OwnVariable::prvscheck_keynum;
  if (name == "prvscheck_result") return OwnVariable::prvscheck_result;
  if (name == "srs_recipient") return OwnVariable::srs_recipient;
  return std::nullopt;
}

std::optional<HeaderForm> header_form(std::string_view name) noexcept {
  const std::string_view stem = name.substr(0, name.find('_') + 1);
  if (stem == "h_" || stem == "header_") return HeaderForm::decoded;
  if (stem == "rh_" || stem == "rheader_") return HeaderForm::raw;
  if (stem == "bh_" || stem == "bheader_") return HeaderForm::body;
  if (stem == "lh_" || stem == "lheader_") return HeaderForm::list;
  return std::nullopt;
}

bool is_acl_variable(std::string_view name) noexcept {
  if (name.size() < 6 || (!name.starts_with("acl_c") && !name.starts_with("acl_m"))) return false;
  return name[5] == '_' || smtp::is(smtp::CharClass::digit, name[5]);
}

std::string nearest_variable(std::string_view name) { return did_you_mean(name, kVariables, "$"); }

std::string_view variable_name(VariableId id) noexcept {
  for (const VariableDef& variable : kVariables)
    if (variable.id == id) return variable.name;
  return {};
}

Bytes variable_bytes(VariableId id) noexcept {
  for (const VariableDef& variable : kVariables)
    if (variable.id == id) return variable.bytes;
  return Bytes::peers;
}

}  // namespace postern::expand
