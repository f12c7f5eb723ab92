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

// What went wrong on the way to hosts; it counts only where none was found.
struct Trouble {
  bool insecure = false;
  bool deferred = false;
  bool ignored = false;

  void add(Status status) noexcept {
    insecure = insecure || status == Status::insecure;
    deferred = deferred || status == Status::deferred;
    ignored = ignored || status == Status::ignored;
  }
  [[nodiscard]] Status status() const noexcept {
    return insecure ? Status::insecure : deferred ? Status::deferred : ignored ? Status::ignored : Status::none;
  }
};

bool is_insecure(const dns::Answer& answer, const HostSearch& search) {
  return search.must_be_authenticated && answer.found() && !answer.authenticated;
}

}  // namespace

Task<FoundHosts> find_addresses(Host host, HostSearch search) {
  FoundHosts found;
  Trouble trouble;
  for (const dns::Type type : {dns::Type::aaaa, dns::Type::a}) {
    if (type == dns::Type::aaaa && search.ipv4_only) continue;
    const dns::Answer answer = co_await search.resolver.query(host.name, type, {.wait = search.wait});
    if (answer.status == dns::Status::temporary_failure) trouble.add(Status::deferred);
    if (is_insecure(answer, search)) {
      trouble.add(Status::insecure);
      continue;
    }
    answer.each<dns::Address>([&](const dns::Address& record) {
      const bool is_ignored = search.ignored != nullptr && search.ignored->matches(record.address);
      if (is_ignored) trouble.add(Status::ignored);
      if (is_ignored || found.hosts.size() >= kAddressesOfHostMax) return;
      Host& one = found.hosts.emplace_back(host);
      one.address = record.address;
      one.question = HostQuestion::nothing;
    });
  }
  found.status = found.hosts.empty() ? trouble.status() : Status::found;
  co_return found;
}

Task<FoundHosts> find_exchangers(std::string domain, HostSearch search) {
  FoundHosts found;
  const dns::Answer answer = co_await search.resolver.query(domain, dns::Type::mx, {.wait = search.wait});
  if (answer.status == dns::Status::temporary_failure && !search.trouble_is_absence) {
    found.status = Status::deferred;
    co_return found;
  }
  if (is_insecure(answer, search)) {
    found.status = Status::insecure;
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
  Trouble trouble;
  for (Exchanger& each : exchangers) {
    FoundHosts one = co_await find_addresses({.name = std::move(each.name), .address = {}, .group = each.preference}, search);
    trouble.add(one.status);
    std::ranges::move(one.hosts, std::back_inserter(found.hosts));
  }
  end_at_itself(found, search);
  found.status = found.hosts.empty() ? trouble.status() : Status::found;
  co_return found;
}

}  // namespace postern::routing
