#include "appliance/config/language.h"

namespace postern::config {

lookup::Settings lookup_settings(const MainOptions& main) {
  return {.redis_servers = main.redis_servers,
          .redis_tls_verify_certificates = main.redis_tls_verify_certificates,
          .sqlite_dbfile = main.sqlite_dbfile,
          .sqlite_lock_timeout_ms = main.sqlite_lock_timeout_s * 1000,
          .open_max = main.lookup_open_max};
}

}  // namespace postern::config
