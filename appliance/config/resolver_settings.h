// From the main options to a resolver.
#pragma once

#include "appliance/config/main_options.h"
#include "net/dns/resolv_conf.h"

namespace postern::config {

// What resolv.conf says, under what the main options say. A file that cannot be read is told of on standard error.
[[nodiscard]] dns::ResolverSettings make_resolver_settings(const MainOptions& main);

}  // namespace postern::config
