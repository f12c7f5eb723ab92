// The variables of the language: one table. A name that is known but has no value yet is refused by name when the text that
// uses it is compiled: an empty value would quietly change what a policy means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/expand/instruction.h"

namespace postern::expand {

enum class VariableId : std::uint8_t {
  none,  // a name that is known and not built
  acl_arg1,
  acl_arg2,
  acl_arg3,
  acl_arg4,
  acl_arg5,
  acl_arg6,
  acl_arg7,
  acl_arg8,
  acl_arg9,
  acl_narg,
  acl_verify_message,
  address_data,
  arc_domains,
  arc_oldest_pass,
  arc_state,
  arc_state_reason,
  body_linecount,
  body_zerocount,
  connection_id,
  csa_status,
  dcc_header,
  dcc_result,
  dkim_algo,
  dkim_bodylength,
  dkim_canon_body,
  dkim_canon_headers,
  dkim_copiedheaders,
  dkim_created,
  dkim_cur_signer,
  dkim_domain,
  dkim_expires,
  dkim_headernames,
  dkim_identity,
  dkim_key_granularity,
  dkim_key_length,
  dkim_key_nosubdomains,
  dkim_key_notes,
  dkim_key_srvtype,
  dkim_key_testing,
  dkim_selector,
  dkim_signers,
  dkim_verify_reason,
  dkim_verify_status,
  dmarc_alignment_dkim,
  dmarc_alignment_spf,
  dmarc_ar_header,
  dmarc_domain_policy,
  dmarc_status,
  dmarc_status_text,
  dmarc_used_domain,
  dnslist_domain,
  dnslist_matched,
  dnslist_text,
  dnslist_value,
  domain,
  domain_data,
  exim_version,
  headers_added,
  host,
  host_address,
  host_data,
  host_lookup_deferred,
  host_lookup_failed,
  host_port,
  interface_address,
  interface_port,
  load_average,
  local_part,
  local_part_data,
  max_received_linelength,
  message_body,
  message_body_end,
  message_body_size,
  message_exim_id,
  message_headers,
  message_headers_raw,
  message_linecount,
  message_size,
  pid,
  primary_hostname,
  prvscheck_result,
  proxy_external_address,
  proxy_external_port,
  proxy_local_address,
  proxy_local_port,
  proxy_session,
  qualify_domain,
  qualify_recipient,
  rcpt_count,
  rcpt_defer_count,
  rcpt_fail_count,
  received_count,
  received_for,
  received_protocol,
  received_time,
  recipient_data,
  recipient_verify_failure,
  recipients,
  recipients_count,
  reply_address,
  return_path,
  router_name,
  sender_address,
  sender_address_data,
  sender_address_domain,
  sender_address_local_part,
  sender_data,
  sender_fullhost,
  sender_helo_name,
  sender_host_address,
  sender_host_dnssec,
  sender_host_name,
  sender_host_port,
  sender_ident,
  sender_rate,
  sender_rate_limit,
  sender_rate_period,
  sender_rcvhost,
  sender_verify_failure,
  smtp_active_hostname,
  smtp_command,
  smtp_command_argument,
  smtp_command_history,
  smtp_notquit_reason,
  spf_header_comment,
  spf_received,
  spf_result,
  spf_result_guessed,
  spf_smtp_comment,
  spf_used_domain,
  spool_directory,
  tls_in_bits,
  tls_in_cipher,
  tls_in_cipher_std,
  tls_in_ourcert,
  tls_in_peercert,
  tls_in_peerdn,
  tls_in_sni,
  tls_in_ver,
  tls_out_ourcert,
  tls_out_peercert,
  tod_bsdinbox,
  tod_epoch,
  tod_epoch_l,
  tod_full,
  tod_log,
  tod_logfile,
  tod_zone,
  tod_zulu,
  transport_name,
  version_number,
};

// Whose bytes a value is made of. A peer's bytes never name a file, and are data wherever they land.
enum class Bytes : std::uint8_t {
  ours,
  peers,
  depends,  // of a variable: the context knows (EvalContext::bytes_of)
};

struct VariableDef {
  std::string_view name;
  VariableId id;
  Bytes bytes = Bytes::ours;
  std::string_view not_built = {};  // why it is refused; empty when it is built
  bool fetched = false;             // had by asking the Services
  std::string_view successor = {};  // this is an old name, and it warns
  bool of_text = false;             // only where the text of a message is known: CompileServices::noticed_text_variable
};

// Exact names only.
[[nodiscard]] const VariableDef* find_variable(std::string_view name) noexcept;

// Why `name` is refused, for the families that no table can list (acl_m_anything, h_subject ...); empty for other names.
[[nodiscard]] std::string_view refused_family(std::string_view name) noexcept;

// $value, $item and their kin, which the machine itself holds.
[[nodiscard]] std::optional<OwnVariable> own_variable(std::string_view name) noexcept;

// Of "h_subject", "rheader_to": how the header is read. Nothing for other names.
[[nodiscard]] std::optional<HeaderForm> header_form(std::string_view name) noexcept;

// "acl_c0", "acl_m_greylist": the sixth character is a digit or an underscore.
[[nodiscard]] bool is_acl_variable(std::string_view name) noexcept;

// `: did you mean "$domain"?` or nothing.
[[nodiscard]] std::string nearest_variable(std::string_view name);

[[nodiscard]] std::string_view variable_name(VariableId id) noexcept;
[[nodiscard]] Bytes variable_bytes(VariableId id) noexcept;

// Whether the variable is a certificate, of which ${certextract gives the fields.
[[nodiscard]] constexpr bool is_certificate(VariableId id) noexcept {
  using enum VariableId;
  return id == tls_in_ourcert || id == tls_in_peercert || id == tls_out_ourcert || id == tls_out_peercert;
}

}  // namespace postern::expand
