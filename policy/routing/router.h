// Routers as the configuration describes them: data. Immutable once loaded; shared by all who route.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/expand/program.h"
#include "policy/lists/list.h"
#include "policy/routing/host_items.h"

namespace postern::routing {

enum class RouterDriver : std::uint8_t { accept, manualroute };

// What is done when the first host turns out to be this one.
enum class SelfAction : std::uint8_t {
  freeze,  // defer, and stop trying until somebody looks at it
  defer,
  fail,
  pass,  // on to the next router, whatever `more` says
  send,  // deliver there all the same
};

struct RouteRule {
  lists::DomainList pattern;
  std::vector<Host> hosts;        // none where the transport needs none
  std::string transport;          // empty: the router's
  std::optional<bool> randomize;  // unset: the router's
};

struct Router {
  std::string name;
  RouterDriver driver = RouterDriver::accept;

  // Preconditions: those that are set must all match, else the address goes to the next router.
  std::optional<lists::DomainList> domains;
  std::optional<lists::LocalPartList> local_parts;
  std::optional<lists::AddressList> senders;

  std::string transport;
  std::optional<expand::Program> errors_to;  // unset: the sender; an empty value: nobody
  bool more = true;                          // false: when this router declines, the address is unrouteable
  SelfAction self = SelfAction::freeze;

  // manualroute
  std::vector<RouteRule> rules;
  bool hosts_randomize = false;
};

}  // namespace postern::routing
