#include "policy/routing/route.h"

#include <algorithm>
#include <utility>

namespace postern::routing {

namespace {

constexpr std::string_view kIsLocal = "remote host address is the local host";
constexpr std::string_view kErrorsTo = "failed to expand errors_to";
constexpr std::string_view kUnrouteable = "Unrouteable address";

enum class Step : std::uint8_t {
  decided,
  declined,  // on to the next router, unless this one has no_more
  skipped,   // on to the next router
};

bool is_for(const Router& router, const RouteSubject& subject) noexcept {
  if (router.domains && !router.domains->matches(subject.domain)) return false;
  if (router.local_parts && !router.local_parts->matches(subject.local_part)) return false;
  return !router.senders || router.senders->matches(subject.sender);
}

// Only within groups.
void shuffle(std::vector<Host>& hosts, Random& random) {
  for (std::size_t begin = 0; begin < hosts.size();) {
    std::size_t end = begin + 1;
    while (end < hosts.size() && hosts[end].group == hosts[begin].group) ++end;
    for (std::size_t i = end - 1; i > begin; --i) std::swap(hosts[i], hosts[begin + random.below(i - begin + 1)]);
    begin = end;
  }
}

Step decide(RouteOutcome& outcome, RouteKind kind, std::string_view message) {
  outcome.kind = kind;
  outcome.message = message;
  return Step::decided;
}

// This host behind others ends the list: whoever prefers it would only send the mail back. At the front, `self` says.
Step look_for_self(const Router& router, RouteOutcome& outcome, const RouteFacts& facts) {
  std::vector<Host>& hosts = outcome.hosts;
  const auto is_local = [&](const Host& host) { return facts.local_addresses.contains(host.address); };
  const auto later = std::find_if(hosts.begin() + 1, hosts.end(), is_local);
  hosts.erase(later, hosts.end());
  if (!is_local(hosts.front())) return Step::decided;
  switch (router.self) {
    case SelfAction::send: return Step::decided;
    case SelfAction::pass: return Step::skipped;
    case SelfAction::fail: return decide(outcome, RouteKind::fail, kIsLocal);
    case SelfAction::defer: return decide(outcome, RouteKind::defer, kIsLocal);
    case SelfAction::freeze: break;
  }
  return decide(outcome, RouteKind::freeze, kIsLocal);
}

Step ask_manualroute(const Router& router, const RouteSubject& subject, const RouteFacts& facts, RouteOutcome& outcome) {
  const auto rule = std::ranges::find_if(router.rules, [&](const RouteRule& r) { return r.pattern.matches(subject.domain); });
  if (rule == router.rules.end()) return Step::declined;
  if (!rule->transport.empty()) outcome.transport = rule->transport;
  outcome.hosts = rule->hosts;
  if (outcome.hosts.empty()) return Step::decided;  // a local transport needs none
  if (facts.random != nullptr && rule->randomize.value_or(router.hosts_randomize)) shuffle(outcome.hosts, *facts.random);
  return look_for_self(router, outcome, facts);
}

Step set_errors_to(const Router& router, const RouteSubject& subject, RouteOutcome& outcome) {
  if (!router.errors_to) return Step::decided;
  std::string value;
  const expand::EvalResult result = expand::evaluate(*router.errors_to, subject.variables, value);
  if (result.status == expand::EvalStatus::failed) return decide(outcome, RouteKind::defer, kErrorsTo);
  if (result) outcome.errors_to = std::move(value);
  return Step::decided;
}

Step ask(const Router& router, const RouteSubject& subject, const RouteFacts& facts, RouteOutcome& outcome) {
  outcome = {.kind = RouteKind::deliver, .router = router.name, .transport = router.transport};
  Step step = Step::decided;
  if (router.driver == RouterDriver::manualroute) step = ask_manualroute(router, subject, facts, outcome);
  if (step == Step::decided && outcome.kind == RouteKind::deliver) step = set_errors_to(router, subject, outcome);
  return step;
}

}  // namespace

RouteOutcome route(std::span<const Router> routers, const RouteSubject& subject, const RouteFacts& facts) {
  RouteOutcome outcome;
  for (const Router& router : routers) {
    if (!is_for(router, subject)) continue;
    const Step step = ask(router, subject, facts, outcome);
    if (step == Step::decided) return outcome;
    if (step == Step::declined && !router.more) break;
  }
  return {.kind = RouteKind::unrouteable, .message = kUnrouteable};
}

}  // namespace postern::routing
