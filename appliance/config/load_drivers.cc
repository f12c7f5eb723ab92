#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "appliance/config/loader.h"
#include "appliance/config/text_maker.h"
#include "appliance/config/values.h"
#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"
#include "policy/routing/route_list.h"

namespace postern::config {

using expand::ConfigText;

namespace {

constexpr std::uint16_t kLmtpPort = 24;

// What the lmtp transport has no options for.
void begin_lmtp(SmtpTransport& lmtp) {
  lmtp.lmtp = true;
  lmtp.batch_max = 1;
  lmtp.max_rcpt = 0;
  lmtp.final_timeout_s = 5 * 60;  // as `timeout` has it
}

// Before its other options are read: what they may name depends on it.
bool is_verify_only(const Instance& instance) {
  for (const Setting& setting : instance.settings) {
    std::string ignored;
    if (setting.name.view() == "verify_only")
      return !setting.has_value || read_bool(setting.value.view(), ignored).value_or(true);
  }
  return false;
}

routing::RouterDriver driver_named(std::string_view name) {
  if (name == "dnslookup") return routing::RouterDriver::dnslookup;
  if (name == "manualroute") return routing::RouterDriver::manualroute;
  if (name == "redirect") return routing::RouterDriver::redirect;
  return routing::RouterDriver::accept;
}

}  // namespace

std::optional<std::string> Loader::driver_of(const Instance& instance, std::string_view what,
                                             std::span<const DriverDef> drivers) {
  for (const Setting& setting : instance.settings) {
    if (setting.name.view() != "driver") continue;
    const std::optional<ConfigText> text = reader_->text(setting);
    if (!text) return std::nullopt;
    const auto found = std::ranges::find(drivers, text->view(), &DriverDef::name);
    if (found != drivers.end() && found->not_built.empty()) return std::string(text->view());
    diagnostics_.error(text->position(),
                       found == drivers.end()
                           ? fmt::format("unknown driver \"{}\" of the {} \"{}\"{}", printable(text->view(), 64), what,
                                         instance.name.view(), expand::did_you_mean(text->view(), drivers))
                           : fmt::format("the driver \"{}\" of the {} \"{}\" cannot be used: {}", text->view(), what,
                                         instance.name.view(), found->not_built));
    return std::nullopt;
  }
  std::string built;
  for (const DriverDef& driver : drivers)
    if (driver.not_built.empty()) built += (built.empty() ? "driver = " : " or driver = ") + std::string(driver.name);
  diagnostics_.error(instance.name.position(),
                     fmt::format("the {} \"{}\" has no driver: write {}", what, instance.name.view(), built));
  return std::nullopt;
}

void Loader::read_transports(const Sections& sections) {
  for (const Instance& instance : sections.transports) transport_names_.emplace_back(instance.name.view());
  for (const Instance& instance : sections.transports) read_transport(instance);
}

void Loader::read_transport(const Instance& instance) {
  const std::optional<std::string> driver = driver_of(instance, "transport", transport_drivers());
  if (!driver) return;
  TransportDraft draft;
  draft.name = instance.name.view();
  draft.signing_services = &signing_services_;
  if (*driver == "lmtp") begin_lmtp(draft.smtp);
  draft.smtp.helo_data = *expand::compile(TextMaker::built_in("$primary_hostname"), diagnostics_);
  OptionApplier<TransportDraft> applier(transport_table(*driver), fmt::format("option of the {} transport", *driver), *reader_);
  for (const Setting& setting : instance.settings) applier.apply(draft, setting);
  finish_transport(instance, *driver, std::move(draft));
}

// Nobody else writes Authentication-Results in the name in which we seal; one that only an expansion tells is not known here.
void Loader::notice_identity(std::string_view arc_sign) {
  const std::string_view identity = lists::trim(arc_sign.substr(0, arc_sign.find(':')));
  if (!identity.empty() && identity.find_first_of("$\\<") == std::string_view::npos)
    language_->authserv_ids.emplace_back(identity);
}

void Loader::finish_transport(const Instance& instance, std::string_view driver, TransportDraft draft) {
  if (driver == "smtp") {
    if (draft.smtp.lmtp && !draft.has_port) draft.smtp.port = kLmtpPort;
    const DkimOptions& dkim = draft.smtp.dkim;
    if (dkim.domain && !dkim.sign())
      diagnostics_.warning(instance.name.position(),
                           fmt::format("the transport \"{}\" signs nothing: besides dkim_domain write dkim_selector and "
                                       "dkim_private_key",
                                       draft.name));
    if (dkim.arc_sign) notice_identity(dkim.arc_sign->source());
    draft.driver = std::move(draft.smtp);
  } else if (driver == "lmtp") {
    if (!draft.has_socket)
      diagnostics_.error(instance.name.position(),
                         fmt::format("the lmtp transport \"{}\" has no socket: write socket = /path", draft.name));
    draft.driver = std::move(draft.smtp);
  } else {
    if (!draft.has_directory)
      diagnostics_.error(instance.name.position(),
                         fmt::format("the appendfile transport \"{}\" has no directory: write directory = /name", draft.name));
    if (!draft.maildir_format)
      diagnostics_.error(instance.name.position(),
                         fmt::format("the appendfile transport \"{}\" writes maildirs only: write maildir_format", draft.name));
    draft.driver = std::move(draft.appendfile);
  }
  config_->transports.push_back(std::move(static_cast<Transport&>(draft)));
}

void Loader::read_routers(const Sections& sections) {
  for (const Instance& instance : sections.routers) router_names_.emplace_back(instance.name.view());
  for (const Instance& instance : sections.routers) read_router(instance);
}

void Loader::read_router(const Instance& instance) {
  const std::optional<std::string> driver = driver_of(instance, "router", router_drivers());
  if (!driver) return;
  RouterDraft draft;
  draft.name = instance.name.view();
  draft.driver = driver_named(*driver);
  draft.services = is_verify_only(instance) ? static_cast<expand::CompileServices*>(&services_) : &router_services_;
  const OptionReader reader = reader_->that_asks(draft.services);
  OptionApplier<RouterDraft> applier(router_table(*driver), fmt::format("option of the {} router", *driver), reader);
  for (const Setting& setting : instance.settings) applier.apply(draft, setting);
  finish_router(instance, std::move(draft));
}

void Loader::finish_router(const Instance& instance, RouterDraft draft) {
  const std::string_view transport = draft.transport_text.view();
  if (!transport.empty() && std::ranges::find(transport_names_, transport) == transport_names_.end()) {
    expand::Nearest nearest(transport);
    for (const std::string& name : transport_names_) nearest.offer(name);
    diagnostics_.error(draft.transport_text.position(),
                       fmt::format("there is no transport \"{}\"{}", printable(transport, 64), nearest.question()));
  }
  draft.transport = transport;
  find_other_routers(draft);
  switch (draft.driver) {
    case routing::RouterDriver::accept: check_hosts(instance, draft, draft.transport, false); break;
    case routing::RouterDriver::dnslookup:
      check_hosts(instance, draft, draft.transport, true);
      if (!draft.widen_domains.empty()) refuse_for_deliveries(instance, draft, "\"widen_domains\" is not built for them");
      break;
    case routing::RouterDriver::manualroute: finish_manualroute(instance, draft); break;
    case routing::RouterDriver::redirect: finish_redirect(instance, draft); break;
  }
  if (draft.unseen) refuse_for_deliveries(instance, draft, "\"unseen\" is not built for them");
  config_->routers.push_back(std::move(static_cast<routing::Router&>(draft)));
}

void Loader::finish_manualroute(const Instance& instance, RouterDraft& draft) {
  if (draft.route_data) return check_hosts(instance, draft, draft.transport, true);
  if (!draft.route_list) {
    diagnostics_.error(
        instance.name.position(),
        fmt::format("the manualroute router \"{}\" has no route_list: write route_list = pattern hosts", draft.name));
    return;
  }
  const auto text = reader_->text(*draft.route_list);
  if (!text) return;
  const routing::RouteListReader rules{values_, draft.services, *lists_, transport_names_, diagnostics_};
  const std::size_t errors_before = diagnostics_.errors();
  draft.rules = rules.read(*text);
  if (diagnostics_.errors() != errors_before) return;
  for (const routing::RouteRule& rule : draft.rules)
    check_hosts(instance, draft, rule.transport.empty() ? draft.transport : rule.transport,
                rule.hosts_text || !rule.hosts.empty());
}

void Loader::finish_redirect(const Instance& instance, const RouterDraft& draft) {
  if (draft.data && draft.file)
    diagnostics_.error(instance.name.position(),
                       fmt::format("the redirect router \"{}\" has both data and file: only one may be set", draft.name));
  if (!draft.data && !draft.file)
    diagnostics_.error(
        instance.name.position(),
        fmt::format("the redirect router \"{}\" has no data: write data = addresses, or file = /name", draft.name));
  if (!draft.transport_text.empty())
    diagnostics_.error(draft.transport_text.position(), "a redirect router has no transport: its addresses are routed anew");
  refuse_for_deliveries(instance, draft, "redirections are not built for them yet");
}

// Whoever only checks hears it as well, and may go on: verification knows what deliveries do not.
void Loader::refuse_for_deliveries(const Instance& instance, const RouterDraft& draft, std::string_view why) {
  if (draft.verify_only) return;
  const std::string message = fmt::format(
      "the router \"{}\" cannot be used for deliveries: {}: write verify_only, and deliver by another router", draft.name, why);
  if (options_.for_use)
    diagnostics_.error(instance.name.position(), message);
  else
    diagnostics_.warning(instance.name.position(), message);
}

// Indices: the routers behind this one are not read yet.
void Loader::find_other_routers(RouterDraft& draft) {
  const auto index_of = [this](const ConfigText& name) -> std::optional<std::uint32_t> {
    if (name.empty()) return std::nullopt;
    const auto found = std::ranges::find(router_names_, name.view());
    if (found != router_names_.end()) return static_cast<std::uint32_t>(found - router_names_.begin());
    expand::Nearest nearest(name.view());
    for (const std::string& each : router_names_) nearest.offer(each);
    diagnostics_.error(name.position(),
                       fmt::format("there is no router \"{}\"{}", printable(name.view(), 64), nearest.question()));
    return std::nullopt;
  };
  const auto own = static_cast<std::uint32_t>(std::ranges::find(router_names_, draft.name) - router_names_.begin());
  if (const auto to = index_of(draft.pass_router)) {
    if (*to <= own)
      diagnostics_.error(draft.pass_router.position(), "pass_router: it must be a router behind this one");
    else
      draft.pass_to = *to;
  }
  draft.redirect_to = index_of(draft.redirect_router).value_or(0);
}

// Exim would find these when it routes.
void Loader::check_hosts(const Instance& instance, const RouterDraft& draft, std::string_view transport, bool has_hosts) {
  if (transport.empty() && draft.verify_only) return;
  if (transport.empty()) {
    diagnostics_.error(instance.name.position(),
                       fmt::format("the router \"{}\" has no transport: write transport = NAME", instance.name.view()));
    return;
  }
  const Transport* const found = config_->transport(transport);
  const auto* const smtp = found == nullptr ? nullptr : std::get_if<SmtpTransport>(&found->driver);
  if (smtp != nullptr && smtp->requires_tls)
    refuse_for_deliveries(instance, draft, "TLS, which hosts_require_tls wants, is not built for them yet");
  if (found == nullptr || has_hosts) return;
  if (smtp != nullptr && smtp->socket.empty() && smtp->hosts.empty())
    diagnostics_.error(
        instance.name.position(),
        fmt::format("neither the router \"{}\" nor the smtp transport \"{}\" names a host", instance.name.view(), transport));
}

void Loader::read_retry(const Sections& sections) {
  for (const ConfigText& line : sections.retry) config_->retry.add(line, *lists_, diagnostics_);
}

void Loader::refuse_the_rest(const Sections& sections) {
  for (const ConfigText& line : sections.rewrite)
    diagnostics_.error(line.position(), "rewriting of addresses is not built yet");
  for (const Instance& instance : sections.authenticators)
    diagnostics_.warning(
        instance.name.position(),
        fmt::format("the authenticator \"{}\" has no effect: SMTP AUTH is not built yet", instance.name.view()));
}

}  // namespace postern::config
