// An SMTP dialogue as from any address, through the session and the ACLs of the gateway, of which nothing is kept.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "appliance/config/config.h"
#include "engine/base/ip_address.h"
#include "engine/base/result.h"

namespace postern::probe {

struct ProbePlan {
  std::shared_ptr<const config::Config> config;
  SocketAddress client;
  SocketAddress local;
  int in = 0;  // the client's lines; may be anything that can be read and polled
  int out = 1;
  std::function<void(std::string_view)> trace;  // gets whole lines
};

// The whole dialogue. Needs a ring and the network for the DNS, and neither spool, lock, listener nor privileges. Errors: those
// of what the loop is made of.
[[nodiscard]] Result<void> run_probe(const ProbePlan& plan);

}  // namespace postern::probe
