// The steps of a load, in the order in which they need each other. One object for one load.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/driver_tables.h"
#include "appliance/config/load.h"
#include "appliance/config/load_services.h"
#include "appliance/config/main_table.h"
#include "appliance/config/option_reader.h"
#include "appliance/config/router_services.h"
#include "appliance/config/sections.h"
#include "policy/expand/fold.h"
#include "policy/lists/compile.h"

namespace postern::config {

class Loader {
 public:
  // References outlive the loader.
  Loader(expand::FileSource& files, const HostFacts& host, const LoadOptions& options);

  [[nodiscard]] LoadResult load(const std::string& path);

 private:
  // load_main.cc
  void read_names(const Sections& sections);
  void read_interfaces_and_ports(const Sections& sections);
  [[nodiscard]] std::optional<expand::ConfigText> early_text(const Sections& sections, std::string_view option);
  void read_name(const Sections& sections, std::string_view option, std::string& value, expand::VariableId variable);
  void make_language(const Sections& sections);
  void make_list_compiler();
  void set_defaults();
  void read_main(const Sections& sections);

  // load_acls.cc
  void read_acls(const Sections& sections);
  void bind_acls();
  void bind_acl(acl::Phase phase, const Setting& setting);
  [[nodiscard]] bool keep_acl_text(acl::Phase phase, const Setting& setting);
  // Finds the ACLs that `acl` asks by name.
  void find_called(const acl::Acl& acl);
  void check_phase_of_all(const acl::Acl& acl, acl::Phase phase, std::vector<const acl::Acl*>& seen);
  [[nodiscard]] std::shared_ptr<const acl::Acl> acl_from(const expand::ConfigText& value, acl::Phase phase);
  [[nodiscard]] std::shared_ptr<const acl::Acl> acl_from_file(const expand::ConfigText& path);

  // load_drivers.cc
  void read_transports(const Sections& sections);
  void read_transport(const Instance& instance);
  void notice_identity(std::string_view arc_sign);
  void finish_transport(const Instance& instance, std::string_view driver, TransportDraft draft);
  void read_routers(const Sections& sections);
  void read_router(const Instance& instance);
  void finish_router(const Instance& instance, RouterDraft draft);
  void finish_manualroute(const Instance& instance, RouterDraft& draft);
  void finish_redirect(const Instance& instance, const RouterDraft& draft);
  void refuse_for_deliveries(const Instance& instance, const RouterDraft& draft, std::string_view why);
  void find_other_routers(RouterDraft& draft);
  void check_hosts(const Instance& instance, const RouterDraft& draft, std::string_view transport, bool has_hosts);
  [[nodiscard]] std::optional<std::string> driver_of(const Instance& instance, std::string_view what,
                                                     std::span<const DriverDef> drivers);
  void read_retry(const Sections& sections);
  void refuse_the_rest(const Sections& sections);

  [[nodiscard]] LoadResult result(const std::string& path);

  expand::FileSource& files_;
  const HostFacts& host_;
  const LoadOptions& options_;
  std::shared_ptr<expand::FileNames> names_ = std::make_shared<expand::FileNames>();
  expand::Diagnostics diagnostics_;
  expand::LoadTimeValues values_;
  MainDraft draft_;
  std::shared_ptr<Language> language_ = std::make_shared<Language>();
  LoadServices services_{*language_, diagnostics_};
  std::optional<lists::ListCompiler> lists_;
  std::optional<OptionReader> reader_;
  std::shared_ptr<Config> config_ = std::make_shared<Config>();
  RouterServices router_services_{services_};
  RouterServices signing_services_{services_, true};
  std::vector<std::string> transport_names_;
  std::vector<std::string> router_names_;
  std::string effective_;
};

}  // namespace postern::config
