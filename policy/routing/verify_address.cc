#include "policy/routing/verify_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/smtp/address.h"

namespace postern::routing {

namespace {

using Failure = AddressVerdict::Failure;
using Result_ = AddressVerdict::Result;

AddressVerdict fails(Failure where, std::string message) {
  return {.result = Result_::failed, .failure = where, .message = message, .log_message = message};
}

AddressVerdict defers(std::string log_message) { return {.result = Result_::deferred, .log_message = std::move(log_message)}; }

// What may stand between the angle brackets of a command.
bool fits_into_path(std::string_view address) {
  return std::ranges::none_of(address, [](char c) { return (c >= 0 && c < ' ') || c == '<' || c == '>' || c == 0x7f; });
}

std::optional<smtp::Address> parse(std::string_view address) {
  const smtp::PathStep step = smtp::parse_address(address, {.role = smtp::AddressRole::recipient,
                                                            .smtputf8 = true,
                                                            .allow_literals = true,
                                                            .allow_unqualified = true,
                                                            .allow_empty_atoms = true,
                                                            .limits = smtp::kWideAddressLimits});
  if (step.error != smtp::AddressError::none) return std::nullopt;
  return smtp::Address(step.mailbox);
}

class Verification {
 public:
  Verification(const VerifyRequest& request, const VerifyWorld& world) : request_(request), world_(world) {}

  Task<AddressVerdict> run() {
    std::string address = request_.address;
    std::uint32_t first_router = 0;
    for (std::size_t n = 0; n <= kRedirectionsMax; ++n) {
      const std::optional<smtp::Address> parsed = parse(address);
      if (!parsed || !fits_into_path(address)) co_return fails(Failure::route, "malformed address");
      const std::string domain(parsed->domain().empty() ? world_.qualify_recipient : parsed->domain());
      RouteOutcome route = co_await route_once(*parsed, domain, first_router);
      const bool is_followed = !request_.success_on_redirect || route.is_widened;
      if (route.kind == RouteKind::redirect && route.addresses.size() == 1 && is_followed) {
        ancestors_.emplace_back(std::string(parsed->local_part()) + "@" + domain, route.router_index);
        address = std::move(route.addresses.front());
        first_router = route.next_router;
        continue;
      }
      co_return co_await conclude(std::move(route), parsed->domain().empty() ? address + "@" + domain : address, domain);
    }
    co_return defers("too many redirections of one address");
  }

 private:
  Task<RouteOutcome> route_once(const smtp::Address& address, const std::string& domain, std::uint32_t first_router) {
    // Whoever gets the bounce of a bounce is nobody.
    const std::string_view sender = request_.is_recipient ? world_.sender : std::string_view();
    const std::string local_part(address.local_part());
    co_return co_await route(world_.routers,
                             {.local_part = local_part,
                              .domain = domain,
                              .sender = sender,
                              .variables = world_.variables,
                              .purpose = request_.is_recipient ? RoutePurpose::verify_recipient : RoutePurpose::verify_sender,
                              .qualify_recipient = world_.qualify_recipient,
                              .first_router = first_router,
                              .ancestors = ancestors_},
                             world_.facts);
  }

  Task<AddressVerdict> conclude(RouteOutcome route, std::string address, std::string domain) {
    AddressVerdict verdict;
    switch (route.kind) {
      case RouteKind::redirect:  // to several addresses, or to files: they are not verified
      case RouteKind::discard: break;
      case RouteKind::deliver: verdict = co_await call(route, std::move(address), std::move(domain)); break;
      case RouteKind::unrouteable:
      case RouteKind::fail:
        verdict = fails(Failure::route, std::move(route.message));
        verdict.log_message.resize(std::min(verdict.log_message.find('\n'), verdict.log_message.size()));
        break;
      case RouteKind::defer:
      case RouteKind::freeze:
        if (route.message_is_public) verdict.message = route.message;
        verdict.result = Result_::deferred;
        verdict.log_message = route.message.substr(0, route.message.find('\n'));
        break;
    }
    verdict.address_data = std::move(route.address_data);
    co_return verdict;
  }

  // ---- callouts ----

  Task<AddressVerdict> call(const RouteOutcome& route, std::string address, std::string domain) {
    const CalloutTransport* const transport = transport_of(route);
    if (!request_.callout || transport == nullptr) co_return AddressVerdict{.has_called = request_.callout.has_value()};
    const CalloutWords& words = *request_.callout;
    const std::vector<Host>& hosts = route.hosts.empty() || transport->hosts_override ? transport->hosts : route.hosts;
    if (hosts.empty()) co_return AddressVerdict{.has_called = true};
    if (world_.callouts == nullptr) co_return AddressVerdict{.has_called = true};  // as if it had been told so
    std::string helo_name;
    const expand::EvalResult helo = co_await expand::evaluate_waiting(transport->helo_data, world_.variables, helo_name);
    if (!helo) co_return deferred_callout("failed to expand helo_data: " + helo.why);
    std::string random;
    if (words.random) {
      const expand::EvalResult result = co_await expand::evaluate_waiting(world_.random_local_part, world_.variables, random);
      if (!result && result.status != expand::EvalStatus::forced_failure)
        co_return deferred_callout("failed to expand callout_random_local_part: " + result.why);
    }
    const std::string from = mail_from(words);
    if (!fits_into_path(from) || !fits_into_path(words.postmaster_mailfrom) || !fits_into_path(random))
      co_return deferred_callout("an address of the callout has characters that no address has");
    co_return verdict_of(co_await world_.callouts->ask({.address = address,
                                                        .domain = domain,
                                                        .from = from,
                                                        .hosts = hosts,
                                                        .port = transport->port,
                                                        .interfaces = transport->interfaces,
                                                        .tls = &transport->tls,
                                                        .lmtp = transport->lmtp,
                                                        .helo_name = helo_name,
                                                        .random_local_part = random,
                                                        .words = words},
                                                       world_.facts.wait));
  }

  const CalloutTransport* transport_of(const RouteOutcome& route) const {
    const auto found = std::ranges::find(world_.transports, route.transport, &CalloutTransport::name);
    return found == world_.transports.end() ? nullptr : &*found;
  }

  std::string mail_from(const CalloutWords& words) const {
    switch (words.from) {
      case CalloutSender::sender: return std::string(world_.sender);
      case CalloutSender::postmaster: return fmt::format("postmaster@{}", world_.qualify_domain);
      case CalloutSender::null: break;
    }
    return words.mailfrom;
  }

  [[nodiscard]] std::string_view what() const { return request_.is_recipient ? "recipient" : "sender"; }

  AddressVerdict deferred_callout(std::string_view why) const {
    if (request_.callout->defer_ok) return {.has_called = true};
    const std::string message = fmt::format("Could not complete {} verify callout", what());
    return {.result = Result_::deferred,
            .has_called = true,
            .message = message,
            .log_message = why.empty() ? message : fmt::format("{}: {}", message, why)};
  }

  AddressVerdict verdict_of(CalloutVerdict called) const {
    switch (called.result) {
      case CalloutVerdict::Result::accepted: return {.has_called = true};
      case CalloutVerdict::Result::deferred: return deferred_callout(called.log);
      case CalloutVerdict::Result::rejected: break;
    }
    AddressVerdict verdict{.result = Result_::failed, .has_called = true, .setup_failed = called.setup_failed};
    switch (called.place) {
      case CalloutVerdict::Place::mail: verdict.failure = Failure::mail; break;
      case CalloutVerdict::Place::recipient: verdict.failure = Failure::recipient; break;
      case CalloutVerdict::Place::postmaster: verdict.failure = Failure::postmaster; break;
    }
    verdict.log_message = std::move(called.log);
    if (called.from_cache)
      verdict.message = verdict.failure == Failure::recipient    ? "Previous (cached) callout verification failure"
                        : verdict.failure == Failure::postmaster ? "(result of earlier verification reused)."
                                                                 : "(result of an earlier callout reused).";
    else if (request_.is_recipient)
      verdict.message = fmt::format("Callout verification failed:\n{}", called.response);
    else
      verdict.message = fmt::format("Called:   {}\nSent:     {}\nResponse: {}", called.host, called.command, called.response);
    return verdict;
  }

  const VerifyRequest& request_;
  const VerifyWorld& world_;
  std::vector<std::pair<std::string, std::uint32_t>> ancestors_;
};

}  // namespace

std::string_view to_string(Failure failure) noexcept {
  switch (failure) {
    case Failure::route: return "route";
    case Failure::mail: return "mail";
    case Failure::recipient: return "recipient";
    case Failure::postmaster: return "postmaster";
  }
  return {};
}

Task<AddressVerdict> verify_address(VerifyRequest request, VerifyWorld world) {
  Verification verification(request, world);
  co_return co_await verification.run();
}

}  // namespace postern::routing
