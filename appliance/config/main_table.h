// The table of main options, and what reading them yields before the parts that depend on each other are put together.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "appliance/config/main_options.h"
#include "appliance/config/option_table.h"
#include "appliance/config/setting.h"
#include "policy/acl/phases.h"
#include "policy/expand/config_text.h"

namespace postern::config {

struct MainDraft : MainOptions {
  std::array<std::optional<Setting>, acl::kPhaseCount> acl_settings;  // acl_smtp_...
};

[[nodiscard]] std::span<const OptionDef<MainDraft>> main_table() noexcept;

}  // namespace postern::config
