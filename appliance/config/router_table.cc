#include <grp.h>
#include <pwd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/driver_tables.h"
#include "engine/smtp/address.h"
#include "policy/lists/list_text.h"

namespace postern::config {

namespace {

using Row = OptionDef<RouterDraft>;
using FileRules = routing::RedirectFileRules;
using routing::FindFailed;
using routing::Router;
using routing::SelfAction;

constexpr std::string_view kBmi = "Brightmail is not built yet";
constexpr std::string_view kConditions = "this condition of routers is not built yet";
constexpr std::string_view kFallback = "fallback hosts are not built yet";
constexpr std::string_view kHeaders = "changing header lines by a router is not built yet";
constexpr std::string_view kLater = "it is not built yet";
constexpr std::string_view kNotHere = "postern is made differently";
constexpr std::string_view kNoFiles = "redirections to files and pipes are not built";
constexpr std::string_view kFilters = "filters are not built";
constexpr std::string_view kSrs = "it is of an older SRS; ${srs_encode and inbound_srs are there instead";
constexpr std::string_view kUser = "deliveries run as the user of the delivery process";
constexpr std::string_view kVariables = "no variable that it sets is built yet";

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

template <FindFailed Router::* Member, bool kMayIgnore>
void set_find_failed(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  struct Named {
    std::string_view name;
    FindFailed action;
  };
  static constexpr auto kActions = std::to_array<Named>({{"decline", FindFailed::decline},
                                                         {"defer", FindFailed::defer},
                                                         {"fail", FindFailed::fail},
                                                         {"freeze", FindFailed::freeze},
                                                         {"ignore", FindFailed::ignore},
                                                         {"pass", FindFailed::pass}});
  const auto text = reader.text(setting);
  if (!text) return;
  const auto* const found = std::ranges::find(kActions, text->view(), &Named::name);
  if (found != kActions.end() && (kMayIgnore || found->action != FindFailed::ignore)) {
    draft.*Member = found->action;
  } else {
    reader.error(setting, fmt::format("\"{}\" is none of decline, defer, fail, freeze,{} pass{}", printable(text->view(), 64),
                                      kMayIgnore ? " ignore," : "", expand::did_you_mean(text->view(), kActions)));
  }
}

template <expand::ConfigText RouterDraft::* Member>
void keep_text(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (auto text = reader.text(setting)) draft.*Member = std::move(*text);
}

// What a router asks the DNS about does not depend on what such a list would ask itself.
template <lists::DomainList Router::* Member>
void set_domains_at_once(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto text = reader.text(setting)) draft.*Member = reader.lists().domains(*text, setting.name.view());
}

void set_widen_domains(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  lists::ListReader items(text->view());
  for (std::string item; items.next(item);) {
    if (smtp::is_domain(item))
      draft.widen_domains.push_back(std::move(item));
    else
      reader.error(setting, fmt::format("\"{}\" is no domain", printable(item, 64)));
  }
}

void set_fail_verify(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.boolean(setting)) draft.fail_verify_recipient = draft.fail_verify_sender = *value;
}

void set_verify(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.boolean(setting)) draft.verify_recipient = draft.verify_sender = *value;
}

template <bool FileRules::* Member>
void set_file_flag(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.boolean(setting)) draft.file_rules.*Member = *value;
}

template <std::optional<bool> FileRules::* Member>
void set_file_check(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  draft.file_rules.*Member = reader.boolean(setting);
}

void set_mode_mask(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.octal(setting)) draft.file_rules.mode_mask = *value;
}

std::optional<std::uint32_t> user_named(const std::string& name) {
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->pw_uid;
}
std::optional<std::uint32_t> group_named(const std::string& name) {
  const group* const entry = ::getgrnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

// Numbers, and names that this machine knows.
std::vector<std::uint32_t> read_ids(const Setting& setting, const OptionReader& reader,
                                    std::optional<std::uint32_t> (*named)(const std::string&)) {
  std::vector<std::uint32_t> ids;
  const auto text = reader.expanded(setting);
  if (!text) return ids;
  lists::ListReader items(text->view());
  for (std::string item; items.next(item);) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    const bool is_number = error == std::errc() && end == item.data() + item.size();
    const std::optional<std::uint32_t> id = is_number ? number : named(item);
    if (id)
      ids.push_back(*id);
    else
      reader.error(setting, fmt::format("\"{}\" is neither a number nor a name that this machine knows", printable(item, 64)));
  }
  return ids;
}

void set_owners(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  draft.file_rules.owners = read_ids(setting, reader, user_named);
}
void set_owning_groups(RouterDraft& draft, const Setting& setting, const OptionReader& reader) {
  draft.file_rules.groups = read_ids(setting, reader, group_named);
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
    built("address_data", kText, set_program<&Router::address_data, RouterDraft>),
    irrelevant("address_test", kFlag),
    refused("bmi_deliver_alternate", kBmi, kFlag),
    refused("bmi_deliver_default", kBmi, kFlag),
    refused("bmi_dont_deliver", kBmi, kFlag),
    refused("bmi_rule", kBmi),
    built("cannot_route_message", kText, set_program<&Router::cannot_route_message, RouterDraft>),
    built("caseful_local_part", kFlag, set_bool<&Router::caseful_local_part, RouterDraft>),
    refused("check_local_user", kConditions, kFlag),
    built("condition", kText, set_program<&Router::condition, RouterDraft>),
    irrelevant("debug_print"),
    no_effect("disable_logging", kLater, kFlag),
    irrelevant("dnssec_request_domains"),
    built("dnssec_require_domains", kText, set_domains_at_once<&Router::dnssec_require_domains>),
    built("domains", kText, set_domains<&Router::domains, RouterDraft>),
    built("driver", kText, set_driver),
    no_effect("dsn_lasthop", kLater, kFlag),
    built("errors_to", kText, set_program<&Router::errors_to, RouterDraft>),
    irrelevant("expn", kFlag),
    built("fail_verify", kFlag, set_fail_verify),
    built("fail_verify_recipient", kFlag, set_bool<&Router::fail_verify_recipient, RouterDraft>),
    built("fail_verify_sender", kFlag, set_bool<&Router::fail_verify_sender, RouterDraft>),
    refused("fallback_hosts", kFallback),
    refused("group", kUser),
    refused("headers_add", kHeaders),
    refused("headers_remove", kHeaders),
    built("ignore_target_hosts", kText, set_hosts<&Router::ignore_target_hosts, RouterDraft>),
    irrelevant("initgroups", kFlag),
    refused("local_part_prefix", kConditions),
    irrelevant("local_part_prefix_optional", kFlag),
    refused("local_part_suffix", kConditions),
    irrelevant("local_part_suffix_optional", kFlag),
    built("local_parts", kText, set_local_parts<&Router::local_parts, RouterDraft>),
    irrelevant("log_as_local", kFlag),
    built("more", kFlag, set_bool<&Router::more, RouterDraft>),
    built("pass_on_timeout", kFlag, set_bool<&Router::pass_on_timeout, RouterDraft>),
    built("pass_router", kText, keep_text<&RouterDraft::pass_router>),
    built("redirect_router", kText, keep_text<&RouterDraft::redirect_router>),
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
    built("unseen", kFlag, set_bool<&Router::unseen, RouterDraft>),
    refused("user", kUser),
    built("verify", kFlag, set_verify),
    built("verify_only", kFlag, set_bool<&Router::verify_only, RouterDraft>),
    built("verify_recipient", kFlag, set_bool<&Router::verify_recipient, RouterDraft>),
    built("verify_sender", kFlag, set_bool<&Router::verify_sender, RouterDraft>),
});

constexpr auto kManualroutePrivate = std::to_array<Row>({
    built("host_all_ignored", kText, set_find_failed<&Router::host_all_ignored, false>),
    built("host_find_failed", kText, set_find_failed<&Router::host_find_failed, true>),
    built("hosts_randomize", kFlag, set_bool<&Router::hosts_randomize, RouterDraft>),
    built("route_data", kText, set_program<&Router::route_data, RouterDraft>),
    built("route_list", kText, keep_route_list),
    irrelevant("same_domain_copy_routing", kFlag),
});

constexpr auto kDnslookupPrivate = std::to_array<Row>({
    built("check_secondary_mx", kFlag, set_bool<&Router::check_secondary_mx, RouterDraft>),
    built("check_srv", kText, set_program<&Router::check_srv, RouterDraft>),
    built("fail_defer_domains", kText, set_domains_at_once<&Router::fail_defer_domains>),
    built("ipv4_only", kText, set_program<&Router::ipv4_only, RouterDraft>),
    built("ipv4_prefer", kText, set_program<&Router::ipv4_prefer, RouterDraft>),
    built("mx_domains", kText, set_domains_at_once<&Router::mx_domains>),
    built("mx_fail_domains", kText, set_domains_at_once<&Router::mx_fail_domains>),
    irrelevant("qualify_single", kFlag),
    irrelevant("rewrite_headers", kFlag),
    irrelevant("same_domain_copy_routing", kFlag),
    refused("search_parents", kLater, kFlag),
    built("srv_fail_domains", kText, set_domains_at_once<&Router::srv_fail_domains>),
    built("widen_domains", kText, set_widen_domains),
});

constexpr auto kRedirectPrivate = std::to_array<Row>({
    built("allow_defer", kFlag, set_bool<&Router::allow_defer, RouterDraft>),
    built("allow_fail", kFlag, set_bool<&Router::allow_fail, RouterDraft>),
    refused("allow_filter", kFilters, kFlag),
    no_effect("allow_freeze", kFilters, kFlag),
    built("check_ancestor", kFlag, set_bool<&Router::check_ancestor, RouterDraft>),
    built("check_group", kFlag, set_file_check<&FileRules::check_group>),
    built("check_owner", kFlag, set_file_check<&FileRules::check_owner>),
    built("data", kText, set_program<&Router::data, RouterDraft>),
    no_effect("directory_transport", kNoFiles),
    built("file", kText, set_program<&Router::file, RouterDraft>),
    no_effect("file_transport", kNoFiles),
    irrelevant("filter_prepend_home", kFlag),
    built("forbid_blackhole", kFlag, set_bool<&Router::forbid_blackhole, RouterDraft>),
    irrelevant("forbid_exim_filter", kFlag),
    irrelevant("forbid_file", kFlag),
    irrelevant("forbid_filter_dlfunc", kFlag),
    irrelevant("forbid_filter_existstest", kFlag),
    irrelevant("forbid_filter_logwrite", kFlag),
    irrelevant("forbid_filter_lookup", kFlag),
    irrelevant("forbid_filter_perl", kFlag),
    irrelevant("forbid_filter_readfile", kFlag),
    irrelevant("forbid_filter_readsocket", kFlag),
    irrelevant("forbid_filter_reply", kFlag),
    irrelevant("forbid_filter_run", kFlag),
    built("forbid_include", kFlag, set_bool<&Router::forbid_include, RouterDraft>),
    irrelevant("forbid_pipe", kFlag),
    irrelevant("forbid_sieve_filter", kFlag),
    built("forbid_smtp_code", kFlag, set_bool<&Router::forbid_smtp_code, RouterDraft>),
    irrelevant("hide_child_in_errmsg", kFlag),
    built("ignore_eacces", kFlag, set_file_flag<&FileRules::ignore_denied>),
    built("ignore_enotdir", kFlag, set_file_flag<&FileRules::ignore_missing_directories>),
    refused("include_directory", "where a name leads is not followed from folder to folder: write forbid_include"),
    built("modemask", ValueKind::octal, set_mode_mask),
    irrelevant("one_time", kFlag),
    built("owners", kText, set_owners),
    built("owngroups", kText, set_owning_groups),
    no_effect("pipe_transport", kNoFiles),
    built("qualify_domain", kText, set_expanded<&Router::qualify_domain, RouterDraft>),
    built("qualify_preserve_domain", kFlag, set_bool<&Router::qualify_preserve_domain, RouterDraft>),
    built("repeat_use", kFlag, set_bool<&Router::repeat_use, RouterDraft>),
    no_effect("reply_transport", kFilters),
    irrelevant("rewrite", kFlag),
    no_effect("sieve_enotify_mailto_owner", kFilters),
    no_effect("sieve_subaddress", kFilters),
    no_effect("sieve_useraddress", kFilters),
    no_effect("sieve_vacation_directory", kFilters),
    built("skip_syntax_errors", kFlag, set_bool<&Router::skip_syntax_errors, RouterDraft>),
    refused("srs", kSrs),
    refused("srs_alias", kSrs),
    refused("srs_condition", kSrs),
    refused("srs_dbinsert", kSrs),
    refused("srs_dbselect", kSrs),
    irrelevant("syntax_errors_text"),
    irrelevant("syntax_errors_to"),
});

constexpr auto kDnslookup = merged(kGeneric, kDnslookupPrivate);
constexpr auto kRedirect = merged(kGeneric, kRedirectPrivate);
constexpr auto kManualroute = merged(kGeneric, kManualroutePrivate);
static_assert(std::ranges::is_sorted(kGeneric, {}, &Row::name));
static_assert(std::ranges::is_sorted(kManualroute, {}, &Row::name));
static_assert(std::ranges::is_sorted(kDnslookup, {}, &Row::name));
static_assert(std::ranges::is_sorted(kRedirect, {}, &Row::name));
static_assert(std::ranges::adjacent_find(kManualroute, {}, &Row::name) == kManualroute.end());
static_assert(std::ranges::adjacent_find(kDnslookup, {}, &Row::name) == kDnslookup.end());
static_assert(std::ranges::adjacent_find(kRedirect, {}, &Row::name) == kRedirect.end());

constexpr auto kDrivers = std::to_array<DriverDef>({
    {"accept", {}},
    {"dnslookup", {}},
    {"ipliteral", "it is not built yet"},
    {"iplookup", "postern has nothing of this kind"},
    {"manualroute", {}},
    {"queryprogram", "postern runs no programs"},
    {"redirect", {}},
});

}  // namespace

std::span<const DriverDef> router_drivers() noexcept { return kDrivers; }

std::span<const Row> router_table(std::string_view driver) noexcept {
  if (driver == "dnslookup") return kDnslookup;
  if (driver == "manualroute") return kManualroute;
  if (driver == "redirect") return kRedirect;
  return kGeneric;
}

}  // namespace postern::config
