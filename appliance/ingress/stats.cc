#include "appliance/ingress/stats.h"

namespace postern::ingress {

std::string_view to_string(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::too_many_connections: return "too_many_connections";
    case Refusal::too_many_from_host: return "too_many_from_host";
    case Refusal::proxy_header: return "proxy_header";
    case Refusal::policy_connect: return "policy_connect";
    case Refusal::policy_helo: return "policy_helo";
    case Refusal::policy_mail: return "policy_mail";
    case Refusal::policy_rcpt: return "policy_rcpt";
    case Refusal::policy_data: return "policy_data";
    case Refusal::helo_syntax: return "helo_syntax";
    case Refusal::synchronization: return "synchronization";
    case Refusal::syntax: return "syntax";
    case Refusal::too_many_errors: return "too_many_errors";
    case Refusal::unqualified: return "unqualified";
    case Refusal::too_many_recipients: return "too_many_recipients";
    case Refusal::too_many_messages: return "too_many_messages";
    case Refusal::message_too_large: return "message_too_large";
    case Refusal::bare_newline: return "bare_newline";
    case Refusal::mail_loop: return "mail_loop";
    case Refusal::low_space: return "low_space";
    case Refusal::storage: return "storage";
    case Refusal::kCount: break;
  }
  return "unknown";
}

}  // namespace postern::ingress
