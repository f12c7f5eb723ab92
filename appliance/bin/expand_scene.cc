#include "appliance/bin/expand_scene.h"

#include "appliance/config/variable_defaults.h"
#include "engine/base/clock.h"
#include "engine/base/version.h"
#include "engine/smtp/address.h"
#include "policy/expand/time_variables.h"

namespace postern::bin {

namespace {

using Id = expand::VariableId;

using smtp::domain_of;
using smtp::local_part_of;

}  // namespace

std::string_view ExpandScene::variable(Id id, std::string& scratch) const {
  const std::string_view value = set_variable(id, scratch);
  return value.empty() ? config::unset_value(id) : value;
}

std::string_view ExpandScene::set_variable(Id id, std::string& scratch) const {
  switch (id) {
    case Id::primary_hostname:
    case Id::smtp_active_hostname: return config_.main.primary_hostname;
    case Id::qualify_domain: return config_.main.qualify_domain;
    case Id::qualify_recipient: return config_.main.qualify_recipient;
    case Id::spool_directory: return config_.main.spool_directory;
    case Id::version_number:
    case Id::exim_version: return kVersion;
    case Id::sender_host_address: return options_.sender_ip;
    case Id::sender_helo_name: return options_.helo;
    case Id::sender_address:
    case Id::return_path: return options_.sender;
    case Id::sender_address_local_part: return local_part_of(options_.sender);
    case Id::sender_address_domain: return domain_of(options_.sender);
    case Id::local_part: return local_part_of(options_.recipient);
    case Id::domain: return domain_of(options_.recipient);
    default: return expand::time_variable(id, SystemClock().wall_now(), scratch);
  }
}

}  // namespace postern::bin
