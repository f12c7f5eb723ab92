// Routers as the configuration describes them: data. Immutable once loaded; shared by all who route.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/expand/program.h"
#include "policy/lists/list.h"
#include "policy/routing/host_items.h"
#include "policy/routing/redirect_file.h"

namespace postern::routing {

enum class RouterDriver : std::uint8_t { accept, dnslookup, manualroute, redirect };

// What is done when the first host turns out to be this one.
enum class SelfAction : std::uint8_t {
  freeze,  // defer, and stop trying until somebody looks at it
  defer,
  fail,
  pass,  // on to the next router, whatever `more` says
  send,  // deliver there all the same
};

// What is done when a host of a manualroute router has no address, or when none is left.
enum class FindFailed : std::uint8_t { freeze, decline, defer, fail, ignore, pass };

struct RouteRule {
  lists::DomainList pattern;
  std::vector<Host> hosts;                    // none where the transport needs none
  std::optional<expand::Program> hosts_text;  // in place of `hosts`, where they depend on the address
  std::string transport;                      // empty: the router's
  std::optional<bool> randomize;              // unset: the router's
};

struct Router {
  static constexpr std::uint32_t kNext = UINT32_MAX;

  std::string name;
  RouterDriver driver = RouterDriver::accept;

  // Preconditions: those that are set must all match, else the address goes to the next router.
  std::optional<lists::DomainList> domains;
  std::optional<lists::LocalPartList> local_parts;
  std::optional<lists::AddressList> senders;
  std::optional<expand::Program> condition;
  bool caseful_local_part = false;     // local_parts and $local_part in the case in which it came
  bool verify_recipient = true;        // it is asked when a recipient is verified
  bool verify_sender = true;           // likewise, a sender
  bool verify_only = false;            // it is not asked for deliveries
  bool fail_verify_recipient = false;  // what it takes, or passes on, is not good as a recipient
  bool fail_verify_sender = false;     // likewise, as a sender

  std::optional<expand::Program> address_data;
  std::optional<expand::Program> cannot_route_message;  // of the last one looked at: in place of "Unrouteable address"
  std::string transport;
  std::optional<expand::Program> errors_to;  // unset: the sender; an empty value: nobody
  bool more = true;                          // false: when this router declines, the address is unrouteable
  bool unseen = false;                       // the address goes on to the next router, too; matters to deliveries alone
  std::uint32_t pass_to = kNext;             // index of pass_router
  std::uint32_t redirect_to = 0;             // index of redirect_router: where the addresses it makes begin
  bool pass_on_timeout = false;              // what the DNS does not answer goes to the next router
  SelfAction self = SelfAction::freeze;
  lists::HostList ignore_target_hosts;

  // manualroute
  std::vector<RouteRule> rules;
  std::optional<expand::Program> route_data;
  bool hosts_randomize = false;
  FindFailed host_find_failed = FindFailed::freeze;
  FindFailed host_all_ignored = FindFailed::defer;

  // dnslookup
  bool check_secondary_mx = false;           // it takes only domains for which this host is not the first exchanger
  lists::DomainList mx_domains;              // these must have MX records
  lists::DomainList mx_fail_domains;         // for these, trouble with MX is an absence
  lists::DomainList dnssec_require_domains;  // answers about these must be authenticated
  lists::DomainList fail_defer_domains;      // for these, an absence defers
  lists::DomainList srv_fail_domains;        // for these, trouble with SRV is an absence
  std::optional<expand::Program> check_srv;  // a service whose SRV records are looked for before MX records
  std::optional<expand::Program> ipv4_only;  // whether AAAA records are left out
  std::optional<expand::Program> ipv4_prefer;
  std::vector<std::string> widen_domains;  // endings that are tried one after the other for a domain that is not found

  // redirect
  std::optional<expand::Program> data;  // of data and file one is set
  std::optional<expand::Program> file;
  RedirectFileRules file_rules;
  bool allow_fail = false;
  bool allow_defer = false;
  bool allow_freeze = false;
  bool check_ancestor = false;    // an address that led to the one it redirects is that one
  bool forbid_blackhole = false;  // likewise, like the next two, what it says is refused
  bool forbid_include = false;
  bool forbid_smtp_code = false;  // codes in front of the texts of :fail: and :defer: are left out
  bool skip_syntax_errors = false;
  bool repeat_use = true;                // it takes an address that it has made itself
  std::string qualify_domain;            // for addresses without one; empty: qualify_recipient
  bool qualify_preserve_domain = false;  // likewise: the domain of the address it redirects
};

}  // namespace postern::routing
