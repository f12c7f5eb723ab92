#include "appliance/config/variable_defaults.h"

namespace postern::config {

std::string_view unset_value(expand::VariableId id) noexcept {
  using enum expand::VariableId;
  switch (id) {
    case acl_narg:
    case host_lookup_deferred:
    case host_lookup_failed:
    case host_port:
    case message_size:
    case proxy_external_port:
    case proxy_local_port:
    case rcpt_count:
    case rcpt_defer_count:
    case rcpt_fail_count:
    case received_count:
    case recipients_count:
    case sender_host_port:
    case tls_in_bits: return "0";
    case interface_port: return "-1";
    case proxy_session:
    case sender_host_dnssec: return "no";
    default: return {};
  }
}

}  // namespace postern::config
