// What goes into the main log beside the usual: log_selector = +name -name ...
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

// In the order of their names.
enum class LogSelector : std::uint8_t {
  eight_bit_mime,  // 8bitmime
  acl_warn_skipped,
  address_rewrite,
  all_parents,
  arguments,
  connection_id,
  connection_reject,
  delay_delivery,
  deliver_time,
  delivery_size,
  dkim,
  dkim_verbose,
  dmarc,
  dmarc_verbose,
  dnslist_defer,
  dnssec,
  etrn,
  host_lookup_failed,
  ident_timeout,
  incoming_interface,
  incoming_port,
  lost_incoming_connection,
  millisec,
  msg_id,
  msg_id_created,
  outgoing_interface,
  outgoing_port,
  pid,
  pipelining,
  protocol_detail,
  proxy,
  queue_run,
  queue_time,
  queue_time_exclusive,
  queue_time_overall,
  receive_time,
  received_recipients,
  received_sender,
  rejected_header,
  retry_defer,
  return_path_on_delivery,
  sender_on_delivery,
  sender_verify_fail,
  size_reject,
  skip_delivery,
  smtp_confirmation,
  smtp_connection,
  smtp_incomplete_transaction,
  smtp_mailauth,
  smtp_no_mail,
  smtp_protocol_error,
  smtp_syntax_error,
  spf,
  spf_verbose,
  subject,
  tls_certificate_verified,
  tls_cipher,
  tls_on_connect,
  tls_peerdn,
  tls_resumption,
  tls_sni,
  unknown_in_list,
};

struct LogSelectorDef {
  std::string_view name;
  LogSelector id;
  bool on_by_default;
  bool built;  // turning it on or off changes something; for the others a change loads with a warning
};

[[nodiscard]] std::span<const LogSelectorDef> log_selectors() noexcept;

class LogSelectors {
 public:
  static constexpr std::size_t kMax = 64;

  // Exim's usual selection.
  LogSelectors();
  [[nodiscard]] bool has(LogSelector selector) const noexcept { return on_[static_cast<std::size_t>(selector)]; }
  // Applies "+name -name ..."; "all" stands for every one. Errors and warnings are reported.
  void apply(const expand::ConfigText& text, expand::Diagnostics& diagnostics);

  friend bool operator==(const LogSelectors&, const LogSelectors&) = default;

 private:
  std::bitset<kMax> on_;
};

}  // namespace postern::config
