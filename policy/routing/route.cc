#include "policy/routing/route.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/configured_reply.h"
#include "policy/expand/text_quote.h"
#include "policy/lists/list_text.h"
#include "policy/routing/find_hosts.h"
#include "policy/routing/redirect_data.h"
#include "policy/routing/redirect_file.h"
#include "policy/routing/route_list.h"
#include "policy/routing/router_context.h"

namespace postern::routing {

namespace {

using expand::EvalStatus;

constexpr std::string_view kIsLocal = "remote host address is the local host";
constexpr std::string_view kFirstIsLocal = "lowest numbered MX record points to local host";
constexpr std::string_view kUnrouteable = "Unrouteable address";
constexpr std::string_view kNotFinished = "host lookup did not complete";
constexpr std::string_view kInsecure = "host lookup done insecurely";
constexpr std::string_view kNoService = "an MX or SRV record indicated no SMTP service";
constexpr std::string_view kNoExchanger = "all relevant MX records point to non-existent hosts";
constexpr std::string_view kAbsenceDefers = "missing MX, or all MXs point to missing A records, and defer requested";
constexpr std::string_view kSkipped = "syntax error in redirection data";

enum class Step : std::uint8_t {
  decided,
  declined,  // on to the next router, unless this one has no_more
  skipped,   // on to the next router
  passed,    // on to the router that pass_router names, whatever `more` says
};

// Exim's rules for conditions of routers: anything but these is true.
bool is_true(std::string_view text) {
  return !text.empty() && text != "0" && !smtp::equal_ignoring_case(text, "no") && !smtp::equal_ignoring_case(text, "false");
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

std::string_view name_of(FindFailed action) {
  static constexpr std::string_view kNames[] = {"freeze", "decline", "defer", "fail", "ignore", "pass"};
  return kNames[static_cast<std::size_t>(action)];
}

// One address on its way through the routers.
class Routing {
 public:
  Routing(std::span<const Router> routers, const RouteSubject& subject, const RouteFacts& facts)
      : routers_(routers), subject_(subject), facts_(facts), context_(subject), lists_(facts, context_) {
    smtp::append_lower(lower_local_part_, subject.local_part);
  }

  Task<RouteOutcome> run() {
    const Router* last = nullptr;
    for (std::uint32_t index = subject_.first_router; index < routers_.size();) {
      const Router& router = routers_[index];
      last = &router;
      Step step = begins(router, index) ? co_await ask(router, index) : Step::skipped;
      if ((step == Step::passed || (step == Step::decided && takes())) && must_not_take(router))
        step = decide(RouteKind::fail, router.name + " router forced verify failure");
      if (step == Step::decided) co_return finish();
      if (step == Step::declined && !router.more) break;
      // It comes behind this one: the load has seen to that.
      index = step == Step::passed && router.pass_to != Router::kNext ? router.pass_to : index + 1;
    }
    co_return co_await unrouteable(last);
  }

 private:
  // What can be told without a question.
  bool begins(const Router& router, std::uint32_t index) {
    switch (subject_.purpose) {
      case RoutePurpose::delivery:
        if (router.verify_only) return false;
        break;
      case RoutePurpose::verify_recipient:
        if (!router.verify_recipient) return false;
        break;
      case RoutePurpose::verify_sender:
        if (!router.verify_sender) return false;
        break;
    }
    context_.set_router(router.name, local_part_for(router));
    return subject_.ancestors.empty() || !has_made(router, index);
  }

  std::string_view local_part_for(const Router& router) const {
    return router.caseful_local_part ? subject_.local_part : std::string_view(lower_local_part_);
  }

  [[nodiscard]] std::string own_address() const { return fmt::format("{}@{}", subject_.local_part, subject_.domain); }

  // It made this address of the same one, or of any one where it wants to be used once.
  bool has_made(const Router& router, std::uint32_t index) const {
    const std::string address = own_address();
    return std::ranges::any_of(subject_.ancestors, [&](const auto& ancestor) {
      return ancestor.second == index && (!router.repeat_use || smtp::equal_ignoring_case(ancestor.first, address));
    });
  }

  Task<Step> ask(const Router& router, std::uint32_t index) {
    outcome_ = {.kind = RouteKind::deliver, .router = router.name, .transport = router.transport};
    Step step = co_await preconditions(router);
    if (step == Step::decided && is_open() && router.address_data) step = co_await set_address_data(router);
    if (step != Step::decided || !is_open()) co_return step;
    switch (router.driver) {
      case RouterDriver::accept: break;
      case RouterDriver::dnslookup: step = co_await ask_dnslookup(router, index); break;
      case RouterDriver::manualroute: step = co_await ask_manualroute(router); break;
      case RouterDriver::redirect: step = co_await ask_redirect(router, index); break;
    }
    if (step == Step::decided && outcome_.kind == RouteKind::deliver && router.errors_to) co_await set_errors_to(router);
    co_return step;
  }

  // Step::decided: the router is asked, unless it has deferred.
  Task<Step> preconditions(const Router& router) {
    Step step = Step::decided;
    if (router.domains) step = co_await match(*router.domains, subject_.domain, "domains", &context_.domain_data());
    if (step == Step::decided && is_open() && router.local_parts)
      step = co_await match(*router.local_parts, local_part_for(router), "local_parts", &context_.local_part_data());
    if (step == Step::decided && is_open() && router.senders)
      step = co_await match(*router.senders, subject_.sender, "senders");
    if (step == Step::decided && is_open() && router.condition) step = co_await test_condition(router);
    co_return step;
  }
  [[nodiscard]] bool is_open() const noexcept { return outcome_.kind == RouteKind::deliver; }

  // `data`: takes what the list says of the text; null: nobody wants to know.
  template <class List>
  Task<Step> match(const List& list, std::string_view text, std::string_view what, AddressData* data = nullptr) {
    if (!list.asks() && !list.matches(text)) co_return Step::skipped;
    if (!list.asks() && data == nullptr) co_return Step::decided;
    std::optional<lists::Match> found = list.match_now(text, lists_);
    if (!found) found = co_await list.match(std::string(text), lists_);
    if (found->truth == lists::Truth::defer)
      co_return defer(fmt::format("{} check lookup or other defer: {}", what, found->why));
    if (!*found) co_return Step::skipped;
    if (data != nullptr) *data = {std::move(found->data), found->bytes};
    co_return Step::decided;
  }

  Task<Step> test_condition(const Router& router) {
    std::string text;
    const expand::EvalResult result = co_await expand(*router.condition, text);
    if (result.status == EvalStatus::forced_failure) co_return Step::skipped;
    if (!result) co_return defer("failed to expand condition: " + result.why);
    co_return is_true(text) ? Step::decided : Step::skipped;
  }

  Task<Step> set_address_data(const Router& router) {
    std::string text;
    const expand::EvalResult result = co_await expand(*router.address_data, text);
    if (result.status == EvalStatus::forced_failure) co_return Step::declined;
    if (!result) co_return defer("expansion of address_data failed: " + result.why);
    context_.address_data() = {std::move(text), result.bytes};
    co_return Step::decided;
  }

  Task<void> set_errors_to(const Router& router) {
    std::string value;
    const expand::EvalResult result = co_await expand(*router.errors_to, value);
    if (result)
      outcome_.errors_to = std::move(value);
    else if (result.status != EvalStatus::forced_failure)
      defer(fmt::format("{} router failed to expand \"{}\": {}", router.name, printable(router.errors_to->source(), 256),
                        result.why));
  }

  Task<expand::EvalResult> expand(const expand::Program& program, std::string& text) {
    if (!program.may_wait()) co_return expand::evaluate(program, context_, text);
    co_return co_await expand::evaluate_waiting(program, context_, text);
  }

  Step decide(RouteKind kind, std::string message, bool is_public = false) {
    outcome_.kind = kind;
    outcome_.message = std::move(message);
    outcome_.message_is_public = is_public;
    return Step::decided;
  }
  Step defer(std::string message) { return decide(RouteKind::defer, std::move(message)); }

  // In place of "Unrouteable address", unless a router behind this one takes it.
  Step decline(std::string_view why) {
    why_declined_ = why;
    return Step::declined;
  }

  Step passes_or_defers(const Router& router, std::string message) {
    return router.pass_on_timeout ? Step::passed : defer(std::move(message));
  }

  // This host behind others ends the list: whoever prefers it would only send the mail back. At the front, `self` says.
  Step look_for_self(const Router& router, bool is_exchanger) {
    std::vector<Host>& hosts = outcome_.hosts;
    const auto is_local = [&](const Host& host) { return facts_.local_addresses.contains(host.address); };
    const auto later = std::find_if(hosts.begin() + 1, hosts.end(), is_local);
    hosts.erase(later, hosts.end());
    if (!is_local(hosts.front())) return Step::decided;
    std::string message(is_exchanger ? kFirstIsLocal : kIsLocal);
    switch (router.self) {
      case SelfAction::send: return Step::decided;
      case SelfAction::pass: return Step::passed;
      case SelfAction::fail: return decide(RouteKind::fail, std::move(message));
      case SelfAction::defer: return defer(std::move(message));
      case SelfAction::freeze: break;
    }
    return decide(RouteKind::freeze, std::move(message));
  }

  [[nodiscard]] HostSearch search_of(const Router& router) const {
    return {.resolver = *facts_.resolver,
            .wait = facts_.wait,
            .ignored = &router.ignore_target_hosts,
            .local_addresses = &facts_.local_addresses,
            .random = facts_.random};
  }

  // ---- dnslookup ----

  Task<Step> ask_dnslookup(const Router& router, std::uint32_t index) {
    const std::string domain(subject_.domain);
    if (domain.empty() || !smtp::is_domain(domain, true)) co_return Step::declined;
    if (facts_.resolver == nullptr) co_return defer("the DNS cannot be asked here");
    HostSearch search = search_of(router);
    std::string service;
    co_await read_option(router.check_srv, service);
    std::string ipv4_only;
    if (is_open()) co_await read_option(router.ipv4_only, ipv4_only);
    std::string ipv4_prefer;
    if (is_open()) co_await read_option(router.ipv4_prefer, ipv4_prefer);
    if (!is_open()) co_return Step::decided;
    search.service = service;
    search.ipv4_only = is_true(ipv4_only);
    search.ipv4_prefer = is_true(ipv4_prefer);
    search.must_have_exchangers = router.mx_domains.matches(domain);
    search.trouble_is_absence = router.mx_fail_domains.matches(domain);
    search.srv_trouble_is_absence = router.srv_fail_domains.matches(domain);
    search.must_be_authenticated = router.dnssec_require_domains.matches(domain);
    FoundHosts found = co_await find_exchangers(domain, search);
    for (const std::string& ending : router.widen_domains) {
      if (found.status != FoundHosts::Status::none) break;
      const std::string wide = domain + "." + ending;
      found = co_await find_exchangers(wide, search);
      if (found.status == FoundHosts::Status::found) co_return widen(router, index, wide);
    }
    switch (found.status) {
      case FoundHosts::Status::found: break;
      case FoundHosts::Status::none:
      case FoundHosts::Status::ignored:
        if (router.fail_defer_domains.matches(domain)) co_return defer(std::string(kAbsenceDefers));
        co_return found.had_exchangers ? decline(kNoExchanger) : Step::declined;
      case FoundHosts::Status::refuses: co_return decline(kNoService);
      case FoundHosts::Status::deferred: co_return passes_or_defers(router, std::string(kNotFinished));
      case FoundHosts::Status::insecure: co_return defer(std::string(kInsecure));
    }
    if (router.check_secondary_mx && !found.behind_others) co_return Step::declined;
    outcome_.hosts = std::move(found.hosts);
    co_return look_for_self(router, found.had_exchangers);
  }

  // Appends what it says; nothing where it is forced to fail. It may defer.
  Task<void> read_option(const std::optional<expand::Program>& program, std::string& text) {
    if (!program) co_return;
    const expand::EvalResult result = co_await expand(*program, text);
    if (!result && result.status != EvalStatus::forced_failure)
      defer(fmt::format("failed to expand \"{}\": {}", printable(program->source(), 256), result.why));
  }

  // The address is routed anew under the domain that was found.
  Step widen(const Router& router, std::uint32_t index, const std::string& domain) {
    std::string local_part(subject_.local_part);
    std::string ignored;
    expand::quote_local_part(local_part, 0, {}, ignored);
    outcome_.kind = RouteKind::redirect;
    outcome_.addresses = {local_part + "@" + domain};
    outcome_.next_router = router.redirect_to;
    outcome_.router_index = index;
    outcome_.is_widened = true;
    return Step::decided;
  }

  // ---- manualroute ----

  Task<Step> ask_manualroute(const Router& router) {
    std::optional<bool> randomize;
    const Step step = router.route_data ? co_await take_route_data(router, randomize) : co_await take_rule(router, randomize);
    if (step != Step::decided || !is_open()) co_return step;
    if (outcome_.hosts.empty()) co_return Step::decided;  // a local transport needs none
    if (facts_.random != nullptr && randomize.value_or(router.hosts_randomize)) shuffle(outcome_.hosts, *facts_.random);
    bool is_exchanger = false;
    const Step looked = co_await look_up_hosts(router, is_exchanger);
    if (looked != Step::decided || !is_open()) co_return looked;
    co_return look_for_self(router, is_exchanger);
  }

  Task<Step> take_rule(const Router& router, std::optional<bool>& randomize) {
    const RouteRule* rule = nullptr;
    for (const RouteRule& each : router.rules) {
      const Step step = co_await match(each.pattern, subject_.domain, "route_list");
      if (!is_open()) co_return step;
      if (step != Step::decided) continue;
      rule = &each;
      break;
    }
    if (rule == nullptr) co_return Step::declined;
    if (!rule->transport.empty()) outcome_.transport = rule->transport;
    randomize = rule->randomize;
    if (!rule->hosts_text) {
      outcome_.hosts = rule->hosts;
      co_return Step::decided;
    }
    std::string text;
    const expand::EvalResult result = co_await expand(*rule->hosts_text, text);
    if (result.status == EvalStatus::forced_failure) co_return Step::declined;
    if (!result) co_return defer("failed to expand route_list: " + result.why);
    co_return take_hosts(text, "route_list");
  }

  Step take_hosts(std::string_view text, std::string_view what) {
    std::string why;
    std::optional<std::vector<Host>> hosts = read_hosts_at_use(text, why);
    if (!hosts) return defer(fmt::format("{}: {}", what, why));
    outcome_.hosts = std::move(*hosts);
    return Step::decided;
  }

  Task<Step> take_route_data(const Router& router, std::optional<bool>& randomize) {
    std::string text;
    const expand::EvalResult result = co_await expand(*router.route_data, text);
    if (result.status == EvalStatus::forced_failure || (result && lists::trim(text).empty())) co_return Step::declined;
    if (!result) co_return defer("expansion of route_data failed: " + result.why);
    RouteData data = read_route_data(text);
    randomize = data.randomize;
    if (!data.unknown_option.empty())
      co_return defer(fmt::format("unknown routing option: \"{}\"", printable(data.unknown_option, 64)));
    co_return take_hosts(data.hosts, "route_data");
  }

  // `is_exchanger`: whether an MX record named the first one.
  Task<Step> look_up_hosts(const Router& router, bool& is_exchanger) {
    const auto is_ignored = [&](const Host& host) {
      return host.question == HostQuestion::nothing && router.ignore_target_hosts.matches(host.address);
    };
    std::erase_if(outcome_.hosts, is_ignored);
    const bool asks = std::ranges::any_of(outcome_.hosts, [](const Host& h) { return h.question != HostQuestion::nothing; });
    if (asks && facts_.resolver == nullptr) co_return defer("the DNS cannot be asked here");
    std::vector<Host> found;
    for (Host& host : std::exchange(outcome_.hosts, {})) {
      if (host.question == HostQuestion::nothing) {
        found.push_back(std::move(host));
        continue;
      }
      const std::string name = host.name;
      FoundHosts answer = host.question == HostQuestion::addresses ? co_await find_addresses(host, search_of(router))
                                                                   : co_await find_exchangers(name, search_of(router));
      if (answer.status == FoundHosts::Status::deferred)
        co_return passes_or_defers(
            router, fmt::format("lookup of host \"{}\" failed in {} router: {}", name, router.name, kNotFinished));
      const bool is_known = answer.status == FoundHosts::Status::found || answer.status == FoundHosts::Status::ignored;
      if (!is_known && router.host_find_failed != FindFailed::ignore)
        co_return without_host(router.host_find_failed,
                               fmt::format("lookup of host \"{}\" failed in {} router", name, router.name));
      if (found.empty()) is_exchanger = answer.had_exchangers;
      for (Host& one : answer.hosts) {
        one.port = host.port;
        one.group = host.group;
        found.push_back(std::move(one));
      }
      if (found.size() > kHostsMax) co_return defer("the list of hosts is too long");
    }
    outcome_.hosts = std::move(found);
    if (!outcome_.hosts.empty()) co_return Step::decided;
    co_return without_host(router.host_all_ignored,
                           fmt::format("lookup failed for all hosts in {} router: host_find_failed={} host_all_ignored={}",
                                       router.name, name_of(router.host_find_failed), name_of(router.host_all_ignored)));
  }

  Step without_host(FindFailed action, std::string message) {
    switch (action) {
      case FindFailed::decline: return Step::declined;
      case FindFailed::pass: return Step::passed;
      case FindFailed::fail: return decide(RouteKind::fail, std::move(message));
      case FindFailed::freeze: return decide(RouteKind::freeze, std::move(message));
      case FindFailed::defer:
      case FindFailed::ignore: break;
    }
    return defer(std::move(message));
  }

  // ---- redirect ----

  Task<Step> ask_redirect(const Router& router, std::uint32_t index) {
    const expand::Program& program = router.file ? *router.file : *router.data;
    const std::string_view what = router.file ? "file" : "data";
    std::string text;
    const expand::EvalResult result = co_await expand(program, text);
    if (result.status == EvalStatus::forced_failure) co_return Step::declined;
    if (!result) co_return defer(fmt::format("failed to expand \"{}\": {}", printable(program.source(), 256), result.why));
    const bool has_peers_bytes = result.bytes == expand::Bytes::peers;
    if (router.file) {
      if (has_peers_bytes) co_return defer(fmt::format("Tainted name '{}' for file read not permitted", printable(text, 256)));
      const Step step = co_await take_file(router, text);
      if (step != Step::decided || !is_open()) co_return step;
    }
    if (is_filter(text)) co_return defer(fmt::format("error in filter {}: filtering not enabled", what));
    const std::string_view qualify = router.qualify_preserve_domain   ? subject_.domain
                                     : !router.qualify_domain.empty() ? std::string_view(router.qualify_domain)
                                                                      : subject_.qualify_recipient;
    const RedirectRules rules{.allow_fail = router.allow_fail,
                              .allow_defer = router.allow_defer,
                              .forbid_blackhole = router.forbid_blackhole,
                              .forbid_include = router.forbid_include,
                              .has_peers_bytes = has_peers_bytes,
                              .skip_syntax_errors = router.skip_syntax_errors,
                              .qualify_domain = qualify};
    Redirection redirection = co_await read_redirection(std::move(text), rules);
    using Kind = Redirection::Kind;
    switch (redirection.kind) {
      case Kind::nothing: co_return redirection.skipped ? decline(kSkipped) : Step::declined;
      case Kind::discard: co_return decide(RouteKind::discard, {});
      case Kind::fail: co_return decide(RouteKind::fail, public_text(router, std::move(redirection.text)), true);
      case Kind::defer: co_return decide(RouteKind::defer, public_text(router, std::move(redirection.text)), true);
      case Kind::malformed: co_return defer(fmt::format("error in redirect {}: {}", what, redirection.text));
      case Kind::local: redirection.addresses.clear(); break;
      case Kind::addresses: break;
    }
    if (router.check_ancestor) replace_ancestors(redirection.addresses);
    outcome_.kind = RouteKind::redirect;
    outcome_.addresses = std::move(redirection.addresses);
    outcome_.next_router = router.redirect_to;
    outcome_.router_index = index;
    co_return Step::decided;
  }

  // `text`: the file's name, and then what it holds.
  Task<Step> take_file(const Router& router, std::string& text) {
    RedirectText file = co_await read_redirect_file(router.file_rules, std::move(text), context_.services());
    if (file.status == RedirectText::Status::failed) co_return defer(std::move(file.why));
    text = std::move(file.text);
    co_return file.status == RedirectText::Status::absent ? Step::declined : Step::decided;
  }

  Task<Redirection> read_redirection(std::string text, const RedirectRules& rules) {
    RedirectReader reader(std::move(text), rules);
    while (std::optional<std::string> name = reader.next_file()) {
      RedirectText file = co_await read_included_file(std::move(*name), context_.services());
      if (file.status == RedirectText::Status::found)
        reader.include(std::move(file.text));
      else
        reader.fail(std::move(file.why));
    }
    co_return reader.take();
  }

  static std::string public_text(const Router& router, std::string text) {
    const smtp::CodePrefix codes = smtp::code_prefix(text);
    if (router.forbid_smtp_code && codes.code != 0) text.erase(0, codes.bytes);
    return text;
  }

  void replace_ancestors(std::vector<std::string>& addresses) const {
    for (std::string& address : addresses) {
      const auto is_same = [&](const auto& ancestor) { return smtp::equal_ignoring_case(ancestor.first, address); };
      if (std::ranges::any_of(subject_.ancestors, is_same)) address = own_address();
    }
  }

  // ---- the end ----

  [[nodiscard]] bool takes() const noexcept {
    return outcome_.kind == RouteKind::deliver || outcome_.kind == RouteKind::redirect || outcome_.kind == RouteKind::discard;
  }
  [[nodiscard]] bool must_not_take(const Router& router) const noexcept {
    return (subject_.purpose == RoutePurpose::verify_recipient && router.fail_verify_recipient) ||
           (subject_.purpose == RoutePurpose::verify_sender && router.fail_verify_sender);
  }

  RouteOutcome finish() {
    outcome_.address_data = std::move(context_.address_data());
    return std::move(outcome_);
  }

  // `last`: the last one that was looked at, even if it was skipped.
  Task<RouteOutcome> unrouteable(const Router* last) {
    RouteOutcome outcome{.kind = RouteKind::unrouteable, .message = std::string(why_declined_)};
    if (outcome.message.empty()) outcome.message = kUnrouteable;
    if (why_declined_.empty() && last != nullptr && last->cannot_route_message) {
      context_.set_router({}, local_part_for(*last));
      std::string text;
      const expand::EvalResult result = co_await expand(*last->cannot_route_message, text);
      if (result) outcome.message = std::move(text);
    }
    outcome.address_data = std::move(context_.address_data());
    co_return outcome;
  }

  std::span<const Router> routers_;
  const RouteSubject& subject_;
  const RouteFacts& facts_;
  std::string lower_local_part_;
  RouterContext context_;
  RouterLists lists_;
  RouteOutcome outcome_;
  std::string_view why_declined_;
};

}  // namespace

Task<RouteOutcome> route(std::span<const Router> routers, RouteSubject subject, RouteFacts facts) {
  Routing routing(routers, subject, facts);
  co_return co_await routing.run();
}

}  // namespace postern::routing
