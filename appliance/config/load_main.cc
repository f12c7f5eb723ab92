#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "appliance/config/listen.h"
#include "appliance/config/loader.h"
#include "appliance/config/main_defaults.h"
#include "appliance/config/text_maker.h"
#include "appliance/config/values.h"
#include "policy/expand/compile.h"

namespace postern::config {

namespace {

using expand::ConfigText;

// Of an option that has one.
ConfigText built_in_default(std::string_view option) { return TextMaker::built_in(*default_of(option)); }

}  // namespace

// The last one counts here; that there is more than one is reported with the other options.
std::optional<ConfigText> Loader::early_text(const Sections& sections, std::string_view option) {
  std::optional<ConfigText> text;
  for (const Setting& setting : sections.main) {
    if (setting.name.view() != option || !setting.has_value) continue;
    expand::Diagnostics ignored;
    text = read_string(setting.value, text ? ignored : diagnostics_);
  }
  return text;
}

void Loader::read_name(const Sections& sections, std::string_view option, std::string& value, expand::VariableId variable) {
  const std::optional<ConfigText> text = early_text(sections, option);
  if (text && text->empty()) diagnostics_.error(text->position(), fmt::format("{}: the name is empty", option));
  if (text && text->view().find_first_of(" \t$") != std::string_view::npos)
    diagnostics_.error(text->position(), fmt::format("{}: a name is expected, without blanks, and it is not expanded", option));
  if (text) value = text->view();
  values_.set(variable, value);
}

void Loader::read_names(const Sections& sections) {
  draft_.primary_hostname = host_.hostname;
  read_name(sections, "primary_hostname", draft_.primary_hostname, expand::VariableId::primary_hostname);
  draft_.qualify_domain = draft_.primary_hostname;
  read_name(sections, "qualify_domain", draft_.qualify_domain, expand::VariableId::qualify_domain);
  draft_.qualify_recipient = draft_.qualify_domain;
  read_name(sections, "qualify_recipient", draft_.qualify_recipient, expand::VariableId::qualify_recipient);
  if (const auto text = early_text(sections, "spool_directory")) {
    const auto expanded = expand::expand_at_load(*text, values_, "spool_directory", diagnostics_);
    if (expanded && !expanded->view().starts_with('/'))
      diagnostics_.error(text->position(), "spool_directory: the name must be absolute, beginning with /");
    if (expanded) draft_.spool_directory = expanded->view();
  }
  values_.set(expand::VariableId::spool_directory, draft_.spool_directory);
}

void Loader::read_interfaces_and_ports(const Sections& sections) {
  bool ipv6 = true;
  for (const Setting& setting : sections.main)
    if (setting.name.view() == "disable_ipv6") {
      std::string ignored;
      ipv6 = setting.has_value && !setting.value.empty() && !read_bool(setting.value.view(), ignored).value_or(true);
    }
  const auto interfaces_of = [&](std::string_view option, std::vector<Interface> unset) {
    if (const auto text = early_text(sections, option)) unset = read_interfaces(*text, option, diagnostics_);
    if (!ipv6) std::erase_if(unset, [](const Interface& interface) { return interface.address.is_v6(); });
    return unset;
  };
  const IpAddress any_v6 = *IpAddress::parse("::");
  const std::vector<Interface> interfaces = interfaces_of("local_interfaces", {{any_v6, 0}, {IpAddress(), 0}});
  const std::vector<Interface> extra = interfaces_of("extra_local_interfaces", {});
  std::vector<std::uint16_t> ports = {25};
  for (const std::string_view option : {"daemon_smtp_port", "daemon_smtp_ports"})
    if (const auto text = early_text(sections, option)) ports = read_ports(*text, option, diagnostics_);
  draft_.listen = listen_addresses(interfaces, ports);
  draft_.local_addresses = local_addresses(interfaces, extra, host_.addresses);
}

// Main options that decide what lookups and expansions mean are read before anything that may hold one; what is wrong with
// them is reported with the other options.
void Loader::make_language(const Sections& sections) {
  constexpr auto kEarly = std::to_array<std::string_view>(
      {"dns_csa_search_limit", "dns_csa_use_reverse", "smtp_return_error_details", "expand_allow_run", "lookup_open_max",
       "redis_servers", "redis_tls_verify_certificates", "sqlite_dbfile", "sqlite_lock_timeout", "strict_acl_vars"});
  expand::Diagnostics unheard;
  lists::ListCompiler no_lists({}, unheard);
  const OptionReader reader(no_lists, values_, unheard);
  MainDraft early;
  OptionApplier<MainDraft> applier(main_table(), "main option", reader);
  for (const Setting& setting : sections.main) {
    const std::string_view name = setting.name.view();
    const bool is_early =
        std::ranges::any_of(kEarly, [&](std::string_view each) { return name == each || setting.negated_name() == each; });
    if (is_early) applier.apply(early, setting);
  }
  language_->lookups = std::make_shared<lookup::Catalogue>(lookup_settings(early));
  language_->primary_hostname = draft_.primary_hostname;
  language_->strict_acl_vars = early.strict_acl_vars;
  language_->allows_run = early.expand_allow_run;
  language_->acl_settings = {.return_error_details = early.smtp_return_error_details,
                             .csa = {early.dns_csa_search_limit, early.dns_csa_use_reverse}};
  language_->services = host_.services;
  language_->environment = kept_environment(host_.environment, early_text(sections, "keep_environment"), diagnostics_);
  if (const auto added = early_text(sections, "add_environment"))
    add_to_environment(language_->environment, *added, diagnostics_);
}

void Loader::make_list_compiler() {
  lists_.emplace(lists::ListEnvironment{.primary_hostname = draft_.primary_hostname,
                                        .local_addresses = draft_.local_addresses,
                                        .files = &files_,
                                        .values = values_,
                                        .services = &services_},
                 diagnostics_);
  services_.set_lists(&*lists_);
  reader_.emplace(*lists_, values_, diagnostics_);
}

void Loader::set_defaults() {
  const lists::HostList everyone = lists_->hosts(TextMaker::built_in("*"), "everyone");
  for (lists::HostList MainOptions::* list :
       {&MainOptions::chunking_advertise_hosts, &MainOptions::dsn_advertise_hosts,
        &MainOptions::enhanced_status_advertise_hosts, &MainOptions::limits_advertise_hosts,
        &MainOptions::pipelining_advertise_hosts, &MainOptions::smtputf8_advertise_hosts,
        &MainOptions::smtp_accept_max_nonmail_hosts, &MainOptions::hosts_require_helo})
    draft_.*list = everyone;
  draft_.smtp_banner = *expand::compile(built_in_default("smtp_banner"), diagnostics_);
  draft_.callout_random_local_part = *expand::compile(built_in_default("callout_random_local_part"), diagnostics_);
  draft_.dkim_verify_signers = *expand::compile(built_in_default("dkim_verify_signers"), diagnostics_);
  draft_.dsn_from = *expand::compile(built_in_default("dsn_from"), diagnostics_);
  draft_.received_header_text = *expand::compile(built_in_default("received_header_text"), diagnostics_);
}

void Loader::read_main(const Sections& sections) {
  OptionApplier<MainDraft> applier(main_table(), "main option", *reader_);
  for (const Setting& setting : sections.main) applier.apply(draft_, setting);
}

}  // namespace postern::config
