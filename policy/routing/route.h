// Where an address goes: routers are asked in order until one takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "policy/expand/evaluate.h"
#include "policy/lists/ip_set.h"
#include "policy/routing/router.h"

namespace postern::routing {

enum class RouteKind : std::uint8_t {
  deliver,      // by `transport`, to `hosts`
  unrouteable,  // no router took it: a permanent failure ("Unrouteable address")
  fail,         // a permanent failure, `message` says why
  defer,        // try again later, `message` says why
  freeze,       // defer, and keep it until somebody looks at it
};

struct [[nodiscard]] RouteOutcome {
  RouteKind kind = RouteKind::unrouteable;
  std::string_view router;     // borrowed from the routers; empty when none decided
  std::string_view transport;  // likewise
  std::vector<Host> hosts;     // in the order to try them; empty where the router names none: the transport's own are used
  std::optional<std::string> errors_to;  // where failures are reported instead of to the sender; empty: nowhere
  std::string_view message;              // a literal, in Exim's words; for logs and bounces
};

// Borrowed for the time of the call.
struct RouteSubject {
  std::string_view local_part;  // without quotes
  std::string_view domain;
  std::string_view sender;  // "local_part@domain"; empty for the null reverse-path
  const expand::EvalContext& variables;
};

struct RouteFacts {
  const lists::IpSet& local_addresses;  // addresses that are this host
  Random* random = nullptr;             // for hosts_randomize; without it lists keep their order
};

// Does not suspend.
RouteOutcome route(std::span<const Router> routers, const RouteSubject& subject, const RouteFacts& facts);

}  // namespace postern::routing
