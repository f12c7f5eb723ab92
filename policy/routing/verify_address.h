// Whether mail could go to an address: `verify = recipient`, and `verify = sender`, for bounces.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/task.h"
#include "policy/expand/program.h"
#include "policy/routing/callout.h"
#include "policy/routing/callout_words.h"
#include "policy/routing/route.h"

namespace postern::routing {

inline constexpr std::size_t kRedirectionsMax = 20;  // from one address to the next

struct VerifyRequest {
  std::string address;  // "local_part@domain" as sent
  bool is_recipient = false;
  bool success_on_redirect = false;
  std::optional<CalloutWords> callout = {};
};

struct AddressVerdict {
  enum class Result : std::uint8_t { ok, failed, deferred };
  enum class Failure : std::uint8_t { route, mail, recipient, postmaster };
  Result result = Result::ok;
  Failure failure = Failure::route;  // where it failed: $sender_verify_failure and its kin
  bool has_called = false;           // a callout was asked for, and this is what came of it
  bool setup_failed = false;         // the server refuses MAIL itself
  // For the peer. Of a deferral empty when it does not concern the peer.
  std::string message = {};
  std::string log_message = {};  // empty: there is no more to say than the result
  AddressData address_data = {};
};
[[nodiscard]] std::string_view to_string(AddressVerdict::Failure failure) noexcept;

// A transport that callouts can follow: what of it they need.
struct CalloutTransport {
  std::string name;
  std::vector<Host> hosts;  // for addresses whose router named none, or for all with hosts_override
  bool hosts_override = false;
  bool lmtp = false;
  TlsHosts tls;
  std::uint16_t port = 25;
  std::vector<IpAddress> interfaces;
  expand::Program helo_data;
};

// Borrowed until the answer is there.
struct VerifyWorld {
  std::span<const Router> routers;
  std::span<const CalloutTransport> transports;  // others deliver on this machine: nobody is called
  RouteFacts facts;
  const expand::EvalContext& variables;
  std::string_view sender;  // of the message, for routers and use_sender
  std::string_view qualify_domain;
  std::string_view qualify_recipient;
  const expand::Program& random_local_part;
  Callouts* callouts = nullptr;  // null: nobody is called, and routing alone decides
};

// Suspends where routers do, and for callouts.
[[nodiscard]] Task<AddressVerdict> verify_address(VerifyRequest request, VerifyWorld world);

}  // namespace postern::routing
