#include <array>
#include <string_view>

#include "appliance/config/driver_tables.h"

namespace postern::config {

namespace {

using Row = OptionDef<RouterDraft>;
using routing::Router;
using routing::SelfAction;

constexpr std::string_view kBounceText = "bounces have a fixed form for now";
constexpr std::string_view kBmi = "Brightmail is not built yet";
constexpr std::string_view kConditions = "this condition of routers is not built yet";
constexpr std::string_view kDns = "DNS is not built yet";
constexpr std::string_view kElsewhere = "sending an address to another router is not built yet";
constexpr std::string_view kFallback = "fallback hosts are not built yet";
constexpr std::string_view kHeaders = "changing header lines by a router is not built yet";
constexpr std::string_view kLater = "it is not built yet";
constexpr std::string_view kNotHere = "postern is made differently";
constexpr std::string_view kUser = "deliveries run as the user of the delivery process";
constexpr std::string_view kVariables = "no variable that it sets is built yet";
constexpr std::string_view kVerify = "verification is not built yet";

void set_driver(RouterDraft&, const Setting&, const OptionReader&) {}  // read before all others

void set_transport(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (auto text = reader.expanded(setting)) draft.transport_text = std::move(*text);
}

void set_self(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  struct Named {
    std::string_view name;
    SelfAction action;
  };
  static constexpr auto kActions = std::to_array<Named>({{"defer", SelfAction::defer},
                                                         {"fail", SelfAction::fail},
                                                         {"freeze", SelfAction::freeze},
                                                         {"pass", SelfAction::pass},
                                                         {"send", SelfAction::send}});
  const auto text = reader.text(setting);
  if (!text) return;
  const auto* const found = std::ranges::find(kActions, text->view(), &Named::name);
  if (found != kActions.end()) {
    draft.self = found->action;
  } else if (text->view().starts_with("reroute:")) {
    reader.error(setting, "reroute is not built yet: defer, fail, freeze, pass and send are");
  } else {
    reader.error(setting, fmt::format("\"{}\" is none of defer, fail, freeze, pass, send{}", printable(text->view(), 64),
                                      expand::did_you_mean(text->view(), kActions)));
  }
}

void keep_route_list(RouterDraft& draft, const Setting& setting, const OptionReader&) { draft.route_list = setting; }

constexpr Row built(std::string_view name, ValueKind kind, void (*apply)(RouterDraft&, const Setting&, const OptionReader&)) {
  return {name, kind, OptionStatus::built, apply, {}};
}
constexpr Row refused(std::string_view name, std::string_view why, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::refused, nullptr, why};
}
constexpr Row no_effect(std::string_view name, std::string_view why, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::no_effect, nullptr, why};
}
constexpr Row irrelevant(std::string_view name, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::irrelevant, nullptr, kNotHere};
}

constexpr auto kFlag = ValueKind::boolean;
constexpr auto kText = ValueKind::text;

constexpr auto kGeneric = std::to_array<Row>({
    no_effect("address_data", kVariables),
    irrelevant("address_test", kFlag),
    refused("bmi_deliver_alternate", kBmi, kFlag),
    refused("bmi_deliver_default", kBmi, kFlag),
    refused("bmi_dont_deliver", kBmi, kFlag),
    refused("bmi_rule", kBmi),
    no_effect("cannot_route_message", kBounceText),
    refused("caseful_local_part", kConditions, kFlag),
    refused("check_local_user", kConditions, kFlag),
    refused("condition", kConditions),
    irrelevant("debug_print"),
    no_effect("disable_logging", kLater, kFlag),
    no_effect("dnssec_request_domains", kDns),
    no_effect("dnssec_require_domains", kDns),
    built("domains", kText, set_domains<&Router::domains, RouterDraft>),
    built("driver", kText, set_driver),
    no_effect("dsn_lasthop", kLater, kFlag),
    built("errors_to", kText, set_program<&Router::errors_to, RouterDraft>),
    irrelevant("expn", kFlag),
    no_effect("fail_verify", kVerify, kFlag),
    no_effect("fail_verify_recipient", kVerify, kFlag),
    no_effect("fail_verify_sender", kVerify, kFlag),
    refused("fallback_hosts", kFallback),
    refused("group", kUser),
    refused("headers_add", kHeaders),
    refused("headers_remove", kHeaders),
    refused("ignore_target_hosts", kLater),
    irrelevant("initgroups", kFlag),
    refused("local_part_prefix", kConditions),
    irrelevant("local_part_prefix_optional", kFlag),
    refused("local_part_suffix", kConditions),
    irrelevant("local_part_suffix_optional", kFlag),
    built("local_parts", kText, set_local_parts<&Router::local_parts, RouterDraft>),
    irrelevant("log_as_local", kFlag),
    built("more", kFlag, set_bool<&Router::more, RouterDraft>),
    irrelevant("pass_on_timeout", kFlag),
    refused("pass_router", kElsewhere),
    refused("redirect_router", kElsewhere),
    refused("require_files", kConditions),
    no_effect("retry_use_local_part", kLater, kFlag),
    irrelevant("router_home_directory"),
    built("self", kText, set_self),
    built("senders", kText, set_addresses<&Router::senders, RouterDraft>),
    no_effect("set", kVariables),
    refused("translate_ip_address", kLater),
    built("transport", kText, set_transport),
    irrelevant("transport_current_directory"),
    irrelevant("transport_home_directory"),
    refused("unseen", kLater, kFlag),
    refused("user", kUser),
    no_effect("verify", kVerify, kFlag),
    refused("verify_only", kVerify, kFlag),
    no_effect("verify_recipient", kVerify, kFlag),
    no_effect("verify_sender", kVerify, kFlag),
});

constexpr auto kManualroutePrivate = std::to_array<Row>({
    irrelevant("host_all_ignored"),
    irrelevant("host_find_failed"),
    built("hosts_randomize", kFlag, set_bool<&Router::hosts_randomize, RouterDraft>),
    refused("route_data", "lookups, which it needs, are not built yet: use route_list"),
    built("route_list", kText, keep_route_list),
    irrelevant("same_domain_copy_routing", kFlag),
});

constexpr auto kManualroute = merged(kGeneric, kManualroutePrivate);
static_assert(std::ranges::is_sorted(kGeneric, {}, &Row::name));
static_assert(std::ranges::is_sorted(kManualroute, {}, &Row::name));
static_assert(std::ranges::adjacent_find(kManualroute, {}, &Row::name) == kManualroute.end());

constexpr auto kDrivers = std::to_array<DriverDef>({
    {"accept", {}},
    {"dnslookup", "DNS is not built yet: use manualroute with addresses"},
    {"ipliteral", "it is not built yet"},
    {"iplookup", "postern has nothing of this kind"},
    {"manualroute", {}},
    {"queryprogram", "postern runs no programs"},
    {"redirect", "it is not built yet"},
});

}  // namespace

std::span<const DriverDef> router_drivers() noexcept { return kDrivers; }

std::span<const Row> router_table(std::string_view driver) noexcept {
  if (driver == "manualroute") return kManualroute;
  return kGeneric;
}

}  // namespace postern::config
