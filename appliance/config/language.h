// What the texts of one configuration refer to: lookups, named lists, lists in expansions. Made by its load, immutable
// afterwards but for the content of files, and shared by all shards.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "appliance/config/environment.h"
#include "appliance/config/main_options.h"
#include "appliance/config/services_file.h"
#include "policy/acl/world.h"
#include "policy/dcc/request.h"
#include "policy/expand/check.h"
#include "policy/expand/variables.h"
#include "policy/lists/list.h"
#include "policy/lists/world.h"
#include "policy/lookup/lookup.h"

namespace postern::config {

// The second string of match_domain and its kin.
using ExpansionList = std::variant<lists::DomainList, lists::HostList, lists::AddressList, lists::LocalPartList>;

struct Language {
  std::shared_ptr<lookup::Catalogue> lookups;  // nobody compiles into it once the load is over: shards have copies
  std::shared_ptr<const lists::ListWorld> lists;
  std::vector<ExpansionList> expansion_lists;  // by expand::ListHandle
  std::string primary_hostname;
  Environment environment;  // for ${env and ${run
  Services services;        // for ${readsocket
  bool strict_acl_vars = false;
  bool allows_run = true;   // expand_allow_run
  expand::CheckSet wanted;  // whose results ACLs and texts ask for
  // What is kept of each message, because texts of ACLs name the variables.
  bool keeps_body_ends = false;       // $message_body, $message_body_end, $body_zerocount
  bool keeps_received_field = false;  // $message_headers, $message_headers_raw
  acl::AclSettings acl_settings;
  std::optional<dcc::DaemonAddress> dccifd;  // nothing: no DCC
  std::string dccifd_options;
  std::string dmarc_history_file;         // empty: none
  std::vector<std::string> authserv_ids;  // that are ours: authserv_id, and those in ${authresults and arc_sign
};

// The member that says whether what the variable shows is kept; null where it always is.
[[nodiscard]] bool Language::* kept_for(expand::VariableId id) noexcept;

[[nodiscard]] lookup::Settings lookup_settings(const MainOptions& main);

}  // namespace postern::config
