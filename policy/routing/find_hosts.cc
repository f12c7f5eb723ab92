#include "policy/routing/find_hosts.h"

#include <algorithm>
#include <utility>

namespace postern::routing {

namespace {

using Status = FoundHosts::Status;

struct Exchanger {
  std::uint16_t preference;
  std::uint64_t lot;  // orders those of one preference
  std::string name;
};

bool is_local(const Host& host, const HostSearch& search) {
  return search.local_addresses != nullptr && search.local_addresses->contains(host.address);
}

// RFC 5321 section 5.1: hosts that are no better than this one would only send the mail back.
void end_at_itself(FoundHosts& found, const HostSearch& search) {
  const auto here = std::ranges::find_if(found.hosts, [&](const Host& host) { return is_local(host, search); });
  if (here == found.hosts.end()) return;
  const std::uint16_t group = here->group;
  const auto first = std::ranges::find(found.hosts, group, &Host::group);
  if (first == found.hosts.begin()) {
    // At the front this host stays, alone and first, and `self` says what that means.
    std::iter_swap(first, here);
    found.hosts.erase(found.hosts.begin() + 1, found.hosts.end());
    return;
  }
  found.hosts.erase(first, found.hosts.end());
  found.behind_others = true;
}

}  // namespace

Task<FoundHosts> find_addresses(Host host, HostSearch search) {
  FoundHosts found;
  bool has_ignored = false;
  for (const dns::Type type : {dns::Type::aaaa, dns::Type::a}) {
    if (type == dns::Type::aaaa && search.ipv4_only) continue;
    const dns::Answer answer = co_await search.resolver.query(host.name, type, {.wait = search.wait});
    if (answer.status == dns::Status::temporary_failure) found.why = answer.why;
    if (answer.found() && search.must_be_authenticated && !answer.authenticated) {
      found.why = "the addresses of " + host.name + " are not authenticated";
      continue;
    }
    answer.each<dns::Address>([&](const dns::Address& record) {
      const bool is_ignored = search.ignored != nullptr && search.ignored->matches(record.address);
      has_ignored = has_ignored || is_ignored;
      if (is_ignored || found.hosts.size() >= kAddressesOfHostMax) return;
      Host& one = found.hosts.emplace_back(host);
      one.address = record.address;
      one.question = HostQuestion::nothing;
    });
  }
  if (!found.hosts.empty())
    found.status = Status::found;
  else if (!found.why.empty())
    found.status = Status::deferred;
  else if (has_ignored)
    found.status = Status::ignored;
  co_return found;
}

Task<FoundHosts> find_exchangers(std::string domain, HostSearch search) {
  FoundHosts found;
  const dns::Answer answer = co_await search.resolver.query(domain, dns::Type::mx, {.wait = search.wait});
  if (answer.status == dns::Status::temporary_failure && !search.trouble_is_absence) {
    found.status = Status::deferred;
    found.why = answer.why;
    co_return found;
  }
  if (answer.found() && search.must_be_authenticated && !answer.authenticated) {
    found.status = Status::deferred;
    found.why = "the exchangers of " + domain + " are not authenticated";
    co_return found;
  }
  std::vector<Exchanger> exchangers;
  answer.each<dns::MailExchanger>([&](const dns::MailExchanger& record) {
    const std::uint64_t lot = search.random != nullptr ? search.random->next() : exchangers.size();
    exchangers.push_back({record.preference, lot, std::string(record.exchange.view())});
  });
  found.had_exchangers = !exchangers.empty();
  if (exchangers.empty()) {
    if (search.must_have_exchangers || answer.status == dns::Status::nxdomain) co_return found;
    FoundHosts direct = co_await find_addresses({.name = std::move(domain), .address = {}}, search);
    end_at_itself(direct, search);
    co_return direct;
  }
  if (std::ranges::all_of(exchangers, [](const Exchanger& each) { return each.name.empty() || each.name == "."; })) {
    found.status = Status::refuses;
    co_return found;
  }
  std::ranges::sort(exchangers, {}, [](const Exchanger& each) { return std::pair(each.preference, each.lot); });
  if (exchangers.size() > kExchangersMax) exchangers.resize(kExchangersMax);
  bool has_ignored = false;
  for (Exchanger& each : exchangers) {
    FoundHosts one = co_await find_addresses({.name = std::move(each.name), .address = {}, .group = each.preference}, search);
    has_ignored = has_ignored || one.status == Status::ignored;
    if (one.status == Status::deferred && found.why.empty()) found.why = std::move(one.why);
    std::ranges::move(one.hosts, std::back_inserter(found.hosts));
  }
  end_at_itself(found, search);
  if (!found.hosts.empty())
    found.status = Status::found;
  else if (!found.why.empty())
    found.status = Status::deferred;
  else if (has_ignored)
    found.status = Status::ignored;
  co_return found;
}

}  // namespace postern::routing
