// ${authresults{id}}: the field Authentication-Results (RFC 8601), folded as Exim folds it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"
#include "net/dns/host_names.h"

namespace postern::language {

// What was found out about a client.
struct AuthFacts {
  std::optional<IpAddress> client;
  const dns::HostNames* names = nullptr;  // null: they were not looked up. Borrowed
};

// Without a line end. `id` stands in it as it is. "none" where nothing was found out (section 2.2).
[[nodiscard]] std::string auth_results(std::string_view id, const AuthFacts& facts);

}  // namespace postern::language
