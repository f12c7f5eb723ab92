#include "net/dns/host_names.h"

#include <algorithm>
#include <utility>

#include "engine/coro/gate.h"
#include "net/dns/names.h"

namespace postern::dns {
namespace {

struct Confirmation {
  std::string name;
  Answer answer;
};

Task<void> ask_forward(Resolver& resolver, Type type, QueryOptions options, Confirmation& confirmation) {
  confirmation.answer = co_await resolver.query(confirmation.name, type, options);
}

bool leads_to(const Answer& answer, const IpAddress& address) {
  bool found = false;
  answer.each<Address>([&](const Address& a) { found = found || a.address == address; });
  return found;
}

std::vector<Confirmation> names_of(const Answer& reverse) {
  std::vector<Confirmation> names;
  reverse.each<HostName>([&](const HostName& host) {
    std::string name = lower_case(host.name.view());
    const bool known = std::ranges::any_of(names, [&](const Confirmation& c) { return c.name == name; });
    if (!known && name != "." && names.size() < kHostNamesMax) names.push_back({std::move(name), {}});
  });
  return names;
}

void judge(HostNames& names, std::vector<Confirmation>& asked, bool reverse_authenticated, const IpAddress& address) {
  const Confirmation* failed = nullptr;
  for (Confirmation& confirmation : asked) {
    if (confirmation.answer.status == Status::temporary_failure) failed = &confirmation;
    if (!leads_to(confirmation.answer, address)) continue;
    if (names.result == HostNames::Result::confirmed) {
      names.aliases.emplace_back(std::move(confirmation.name));
      continue;
    }
    names.result = HostNames::Result::confirmed;
    names.authenticated = reverse_authenticated && confirmation.answer.authenticated;
    names.name = PeerText(std::move(confirmation.name));
  }
  if (names.result == HostNames::Result::confirmed) return;
  if (failed != nullptr) {
    names.result = HostNames::Result::deferred;
    names.why = "temporary failure for " + failed->name + ": " + failed->answer.why;
    return;
  }
  names.unconfirmed = true;
  names.why = address.to_string() + " does not match any IP address for " + asked.front().name;
}

}  // namespace

Task<HostNames> look_up_host_names(Resolver& resolver, IpAddress address, QueryOptions options) {
  HostNames names;
  options.search = false;
  const Answer reverse = co_await resolver.query(reverse_name(address), Type::ptr, options);
  if (reverse.status == Status::temporary_failure) {
    names.result = HostNames::Result::deferred;
    names.why = "host name lookup for " + address.to_string() + " failed for now: " + reverse.why;
    co_return names;
  }
  std::vector<Confirmation> asked = names_of(reverse);
  if (asked.empty()) {
    names.why = "no host name found for IP address " + address.to_string();
    co_return names;
  }
  Gate gate;
  for (Confirmation& confirmation : asked)
    gate.start(ask_forward(resolver, address.is_v4() ? Type::a : Type::aaaa, options, confirmation));
  co_await gate.close();
  judge(names, asked, reverse.authenticated, address);
  co_return names;
}

}  // namespace postern::dns
