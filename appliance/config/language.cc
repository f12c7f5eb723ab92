#include "appliance/config/language.h"

namespace postern::config {

bool Language::* kept_for(expand::VariableId id) noexcept {
  using enum expand::VariableId;
  switch (id) {
    case body_zerocount:
    case message_body:
    case message_body_end: return &Language::keeps_body_ends;
    case message_headers:
    case message_headers_raw: return &Language::keeps_received_field;
    default: return nullptr;
  }
}

lookup::Settings lookup_settings(const MainOptions& main) {
  return {.redis_servers = main.redis_servers,
          .redis_tls_verify_certificates = main.redis_tls_verify_certificates,
          .sqlite_dbfile = main.sqlite_dbfile,
          .sqlite_lock_timeout_ms = main.sqlite_lock_timeout_s * 1000,
          .open_max = main.lookup_open_max};
}

}  // namespace postern::config
