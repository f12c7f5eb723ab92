// Where an address goes: routers are asked in order until one takes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/coro/task.h"
#include "net/dns/resolver.h"
#include "policy/expand/evaluate.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/world.h"
#include "policy/routing/router.h"

namespace postern::routing {

enum class RouteKind : std::uint8_t {
  deliver,      // by `transport`, to `hosts`
  redirect,     // to `addresses` instead
  discard,      // nowhere (:blackhole:)
  unrouteable,  // no router took it: a permanent failure, `message` says so
  fail,         // a permanent failure, `message` says why
  defer,        // try again later, `message` says why
  freeze,       // defer, and keep it until somebody looks at it
};

// What a router says of an address to those behind it, and to ACLs: $address_data.
struct AddressData {
  std::string text;
  expand::Bytes bytes = expand::Bytes::ours;
};

struct [[nodiscard]] RouteOutcome {
  RouteKind kind = RouteKind::unrouteable;
  std::string_view router = {};     // borrowed from the routers; empty when none decided
  std::string_view transport = {};  // likewise
  std::vector<Host> hosts = {};     // in the order to try them; empty where the router names none: the transport's own are used
  std::optional<std::string> errors_to = {};  // where failures are reported instead of to the sender; empty: nowhere
  std::string message = {};                   // in Exim's words; for logs and bounces
  bool message_is_public = false;             // the message of a deferral is for the peer, too; that of a failure always is
  std::vector<std::string> addresses = {};    // of a redirection, at least one, unless it is to files or pipes
  std::uint32_t next_router = 0;              // where those addresses begin
  std::uint32_t router_index = 0;             // of a redirection: which router made it
  bool is_widened = false;                    // of a redirection: to the same address, its domain written in full
  AddressData address_data = {};
};

enum class RoutePurpose : std::uint8_t { delivery, verify_recipient, verify_sender };

// Borrowed until the answer is there.
struct RouteSubject {
  std::string_view local_part;  // without quotes
  std::string_view domain;
  std::string_view sender;  // "local_part@domain"; empty for the null reverse-path
  const expand::EvalContext& variables;
  RoutePurpose purpose = RoutePurpose::delivery;
  std::string_view qualify_recipient = {};  // for what redirections leave unqualified
  std::uint32_t first_router = 0;
  // Addresses that led to this one, "local_part@domain", and which router redirected each. It is not asked about the same
  // again.
  std::span<const std::pair<std::string, std::uint32_t>> ancestors = {};
};

struct RouteFacts {
  const lists::IpSet& local_addresses;           // addresses that are this host
  Random* random = nullptr;                      // without it hosts keep their order
  dns::Resolver* resolver = nullptr;             // null: what must ask the DNS defers
  const lists::ListWorld* list_world = nullptr;  // what lists that are expanded when they are used refer to
  Wait wait = {};                                // for all questions together
};

// Suspends where a router waits for an answer: of the DNS, of a lookup. Everything borrowed outlives it.
[[nodiscard]] Task<RouteOutcome> route(std::span<const Router> routers, RouteSubject subject, RouteFacts facts);

}  // namespace postern::routing
