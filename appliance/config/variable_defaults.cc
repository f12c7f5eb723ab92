#include "appliance/config/variable_defaults.h"

namespace postern::config {

std::string_view unset_value(expand::VariableId id) noexcept {
  using enum expand::VariableId;
  switch (id) {
    case acl_narg:
    case body_linecount:
    case body_zerocount:
    case dkim_created:
    case dkim_key_length:
    case dkim_key_nosubdomains:
    case dkim_key_testing:
    case host_lookup_deferred:
    case host_lookup_failed:
    case host_port:
    case load_average:
    case max_received_linelength:
    case message_body_size:
    case message_linecount:
    case message_size:
    case proxy_external_port:
    case proxy_local_port:
    case rcpt_count:
    case rcpt_defer_count:
    case rcpt_fail_count:
    case pid:
    case received_count:
    case received_time:
    case recipients_count:
    case sender_host_port:
    case tls_in_bits: return "0";
    case interface_port: return "-1";
    case dkim_bodylength:
    case dkim_expires: return "9999999999999";
    case dkim_key_granularity:
    case dkim_key_srvtype: return "*";
    case proxy_session:
    case sender_host_dnssec:
    case spf_result_guessed: return "no";
    default: return {};
  }
}

}  // namespace postern::config
