#include "policy/acl/csa.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "net/dns/names.h"

namespace postern::acl {

namespace {

constexpr std::uint16_t kVersion = 1;           // which the priority field is
constexpr std::uint16_t kAuthorized = 2;        // the weight field; less: not authorized
constexpr std::uint16_t kAllSayThemselves = 1;  // a bit of the port field
constexpr std::size_t kReverseParents = 3;
constexpr std::size_t kNibblesOfStep = 2 * 4;  // of a name in ip6.arpa, with their dots

struct Row {
  std::string_view status;
  std::string_view reason;
};
constexpr auto kRows = std::to_array<Row>({
    {"unknown", "unknown"},
    {"ok", "ok"},
    {"defer", "deferred (SRV lookup failed)"},
    {"defer", "deferred (target address lookup failed)"},
    {"fail", "failed (explicit authorization required)"},
    {"fail", "failed (host name not authorized)"},
    {"fail", "failed (no authorized addresses)"},
    {"fail", "failed (client address mismatch)"},
});

bool ends_with(std::string_view name, std::string_view ending) noexcept {
  return name.size() > ending.size() && smtp::equal_ignoring_case(name.substr(name.size() - ending.size()), ending);
}

// The name whose records are looked up; nothing when it is an address, and the reverse DNS is not to be asked.
std::optional<std::string> domain_of(std::string domain, const CsaSettings& settings) {
  const std::optional<IpAddress> address = domain.starts_with('[') ? smtp::literal_address(domain) : IpAddress::parse(domain);
  if (!address) return domain;
  return settings.use_reverse ? std::optional(dns::reverse_name(*address)) : std::nullopt;
}

Task<dns::Answer> ask_for_record(dns::Resolver& resolver, std::string_view domain, Wait wait) {
  co_return co_await resolver.query("_client._smtp." + std::string(domain), dns::Type::srv, {.wait = wait});
}

// What a parent says of all below it.
CsaResult judge_parent(const dns::Answer& answer) {
  std::optional<CsaResult> result;
  answer.each<dns::Service>([&](const dns::Service& record) {
    if (record.priority != kVersion || result) return;
    result = (record.port & kAllSayThemselves) != 0 ? CsaResult::not_listed : CsaResult::unknown;
  });
  return result.value_or(CsaResult::unknown);
}

// What the domain's own records say: a result, or whose addresses are to be looked up.
struct Said {
  CsaResult result = CsaResult::unknown;
  std::string target;  // empty: the result is known
};
Said judge_own(const dns::Answer& answer) {
  std::optional<Said> said;
  answer.each<dns::Service>([&](const dns::Service& record) {
    if (record.priority != kVersion || record.weight > kAuthorized || said) return;
    if (record.weight < kAuthorized)
      said = Said{CsaResult::not_authorized, {}};
    else if (record.target.view().empty() || record.target.view() == ".")
      said = Said{CsaResult::no_address, {}};
    else
      said = Said{CsaResult::unknown, std::string(record.target.view())};
  });
  return said.value_or(Said{});
}

Task<CsaResult> check_target(dns::Resolver& resolver, std::string target, IpAddress client, Wait wait) {
  const dns::Type type = client.is_v6() ? dns::Type::aaaa : dns::Type::a;
  const dns::Answer answer = co_await resolver.query(std::move(target), type, {.wait = wait});
  if (answer.absent()) co_return CsaResult::no_address;
  if (!answer.found()) co_return CsaResult::deferred_target;
  CsaResult result = CsaResult::other_address;
  answer.each<dns::Address>([&](const dns::Address& each) {
    if (each.address == client) result = CsaResult::ok;
  });
  co_return result;
}

}  // namespace

std::string_view status_of(CsaResult result) noexcept { return kRows[static_cast<std::size_t>(result)].status; }
std::string_view reason_of(CsaResult result) noexcept { return kRows[static_cast<std::size_t>(result)].reason; }

std::vector<std::string> csa_parents(std::string_view domain, std::uint32_t search_limit) {
  std::vector<std::string> parents;
  const bool is_ip6 = ends_with(domain, ".ip6.arpa");
  const bool is_reverse = is_ip6 || ends_with(domain, ".in-addr.arpa");
  const std::size_t most = is_reverse ? kReverseParents : std::min(search_limit, kCsaSearchMax) + 1;
  // What stands behind `at` is asked about next, with one label more.
  std::size_t at = domain.rfind('.');
  if (is_reverse) at = domain.size() - std::string_view(is_ip6 ? ".ip6.arpa" : ".in-addr.arpa").size();
  while (at != domain.npos && at > 0 && parents.size() < most) {
    if (is_ip6) {
      if (at <= kNibblesOfStep) break;
      at -= kNibblesOfStep;
    } else {
      at = domain.rfind('.', at - 1);
      if (at == domain.npos || at == 0) break;
    }
    parents.emplace_back(domain.substr(at + 1));
  }
  return parents;
}

Task<CsaResult> check_csa(dns::Resolver& resolver, std::string domain, IpAddress client, CsaSettings settings, Wait wait) {
  const std::optional<std::string> asked = domain_of(std::move(domain), settings);
  if (!asked || asked->empty()) co_return CsaResult::unknown;
  const dns::Answer own = co_await ask_for_record(resolver, *asked, wait);
  if (!own.found() && !own.absent()) co_return CsaResult::deferred_record;
  if (own.found()) {
    Said said = judge_own(own);
    if (said.target.empty()) co_return said.result;
    co_return co_await check_target(resolver, std::move(said.target), client, wait);
  }
  for (const std::string& parent : csa_parents(*asked, settings.search_limit)) {
    const dns::Answer answer = co_await ask_for_record(resolver, parent, wait);
    if (answer.found()) co_return judge_parent(answer);
    if (!answer.absent()) co_return CsaResult::deferred_record;
  }
  co_return CsaResult::unknown;
}

}  // namespace postern::acl
