// A whole configuration: typed, compiled, immutable. Sessions and deliveries hold the one they began with; a reload makes
// another.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/language.h"
#include "appliance/config/main_options.h"
#include "appliance/config/retry_rules.h"
#include "appliance/config/transport.h"
#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/world.h"
#include "policy/routing/router.h"

namespace postern::config {

struct Config {
  MainOptions main;
  std::map<std::string, std::shared_ptr<const acl::Acl>, std::less<>> acls;  // of the section acl, by name
  // What acl_smtp_... said for each phase; null where it is not set. Unset means: RCPT, VRFY, EXPN, ETRN refused, others
  // allowed.
  std::array<std::shared_ptr<const acl::Acl>, acl::kPhaseCount> acl_of_phase;
  // Where the option can only be expanded when its ACL is asked for; acl_of_phase is null then.
  std::array<std::optional<expand::Program>, acl::kPhaseCount> acl_text_of_phase;
  std::vector<routing::Router> routers;  // in order
  std::vector<Transport> transports;
  RetryRules retry;
  lists::IpSet local_addresses;  // main.local_addresses, for routing
  std::shared_ptr<const Language> language;

  [[nodiscard]] const acl::Acl* acl_for(acl::Phase phase) const noexcept {
    return acl_of_phase[static_cast<std::size_t>(phase)].get();
  }
  // Null when there is none of that name.
  [[nodiscard]] const Transport* transport(std::string_view name) const noexcept {
    for (const Transport& each : transports)
      if (each.name == name) return &each;
    return nullptr;
  }
};

}  // namespace postern::config
