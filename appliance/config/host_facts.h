// What a configuration wants to know of the machine it is loaded on.
#pragma once

#include <string>
#include <vector>

#include "appliance/config/environment.h"
#include "appliance/config/services_file.h"
#include "engine/base/ip_address.h"

namespace postern::config {

struct HostFacts {
  std::string hostname = "localhost";
  std::vector<IpAddress> addresses;  // of all interfaces, loopback included
  Environment environment;           // of the process
  Services services;                 // of /etc/services
};

// Of this machine. The name is that of the kernel; when it has no dot, the first name with one that /etc/hosts gives beside it.
// Neither DNS nor any other service is asked.
[[nodiscard]] HostFacts facts_of_this_host();

// The dotted name that a hosts(5) file gives beside `name`; `name` itself when there is none.
[[nodiscard]] std::string qualified_name(const std::string& name, const std::string& hosts_file);

}  // namespace postern::config
