// With which servers callouts speak TLS, as the smtp transport's options say. Immutable once loaded.
#pragma once

#include "policy/lists/list.h"

namespace postern::routing {

// Any server that offers it, and then nobody looks at its certificate: RFC 7435.
struct TlsHosts {
  lists::HostList avoid;         // hosts_avoid_tls: with these never
  lists::HostList verify_avoid;  // hosts_verify_avoid_tls: likewise
  lists::HostList require;       // hosts_require_tls: nothing is said to these in clear
  bool try_clear = true;         // tls_tempfail_tryclear: with others in clear where TLS could not be had
};

}  // namespace postern::routing
