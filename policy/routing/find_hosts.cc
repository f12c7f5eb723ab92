#include "policy/routing/find_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace postern::routing {

namespace {

using Status = FoundHosts::Status;

// One that a record names: MX or SRV.
struct Exchanger {
  std::uint16_t preference;
  double lot;  // orders those of one preference
  std::string name;
  std::uint16_t port = 0;  // 0: the record says none
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

Task<dns::Answer> ask(std::string name, dns::Type type, const HostSearch& search, Trouble& trouble) {
  dns::Answer answer = co_await search.resolver.query(std::move(name), type, {.wait = search.wait});
  if (answer.status == dns::Status::temporary_failure) trouble.add(Status::deferred);
  if (search.must_be_authenticated && answer.found() && !answer.authenticated) trouble.add(Status::insecure);
  co_return answer;
}

// RFC 2782: the next one is drawn among those that are left, by their weights. Racing clocks draw likewise; one without weight
// comes in where no other is left.
double lot_of(const dns::Service& service, Random& random) {
  constexpr double kSteps = 1U << 31U;
  const double drawn = (static_cast<double>(random.below(std::uint64_t{1} << 31U)) + 1) / (kSteps + 1);
  return -std::log(drawn) / std::max<double>(service.weight, 1e-9);
}

std::vector<Exchanger> services_of(const dns::Answer& answer, const HostSearch& search) {
  std::vector<Exchanger> services;
  answer.each<dns::Service>([&](const dns::Service& record) {
    const double lot = search.random != nullptr ? lot_of(record, *search.random) : static_cast<double>(services.size());
    services.push_back({record.priority, lot, std::string(record.target.view()), record.port});
  });
  return services;
}

std::vector<Exchanger> exchangers_of(const dns::Answer& answer, const HostSearch& search) {
  std::vector<Exchanger> exchangers;
  answer.each<dns::MailExchanger>([&](const dns::MailExchanger& record) {
    const std::uint64_t lot = search.random != nullptr ? search.random->next() : exchangers.size();
    exchangers.push_back({record.preference, static_cast<double>(lot), std::string(record.exchange.view())});
  });
  return exchangers;
}

Task<FoundHosts> addresses_of(std::vector<Exchanger> exchangers, const HostSearch& search) {
  FoundHosts found{.had_exchangers = true};
  if (std::ranges::all_of(exchangers, [](const Exchanger& each) { return each.name.empty() || each.name == "."; })) {
    found.status = Status::refuses;
    co_return found;
  }
  std::ranges::sort(exchangers, {}, [](const Exchanger& each) { return std::pair(each.preference, each.lot); });
  if (exchangers.size() > kExchangersMax) exchangers.resize(kExchangersMax);
  Trouble trouble;
  for (Exchanger& each : exchangers) {
    FoundHosts one = co_await find_addresses(
        {.name = std::move(each.name), .address = {}, .port = each.port, .group = each.preference}, search);
    trouble.add(one.status);
    std::ranges::move(one.hosts, std::back_inserter(found.hosts));
  }
  end_at_itself(found, search);
  found.status = found.hosts.empty() ? trouble.status() : Status::found;
  co_return found;
}

}  // namespace

Task<FoundHosts> find_addresses(Host host, HostSearch search) {
  FoundHosts found;
  Trouble trouble;
  std::array types = {dns::Type::aaaa, dns::Type::a};
  if (search.ipv4_prefer) std::ranges::reverse(types);
  for (const dns::Type type : types) {
    if (type == dns::Type::aaaa && search.ipv4_only) continue;
    Trouble here;
    const dns::Answer answer = co_await ask(host.name, type, search, here);
    trouble.add(here.status());
    if (here.insecure) continue;
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
  if (!search.service.empty()) {
    Trouble trouble;
    const dns::Answer answer =
        co_await ask(fmt::format("_{}._tcp.{}", search.service, domain), dns::Type::srv, search, trouble);
    if (trouble.deferred && !search.srv_trouble_is_absence) co_return FoundHosts{.status = Status::deferred};
    if (trouble.insecure) co_return FoundHosts{.status = Status::insecure};
    if (auto services = services_of(answer, search); !services.empty())
      co_return co_await addresses_of(std::move(services), search);
  }
  Trouble trouble;
  const dns::Answer answer = co_await ask(domain, dns::Type::mx, search, trouble);
  if (trouble.deferred && !search.trouble_is_absence) co_return FoundHosts{.status = Status::deferred};
  if (trouble.insecure) co_return FoundHosts{.status = Status::insecure};
  if (auto exchangers = exchangers_of(answer, search); !exchangers.empty())
    co_return co_await addresses_of(std::move(exchangers), search);
  if (search.must_have_exchangers || answer.status == dns::Status::nxdomain) co_return FoundHosts{};
  FoundHosts direct = co_await find_addresses({.name = std::move(domain), .address = {}}, search);
  end_at_itself(direct, search);
  co_return direct;
}

}  // namespace postern::routing
