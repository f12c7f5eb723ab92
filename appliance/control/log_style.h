// What the configuration says about the look of the log.
#pragma once

#include <string>

#include "appliance/config/main_options.h"
#include "appliance/log/log_style.h"

namespace postern::control {

// `process`: "ingress", "delivery".
[[nodiscard]] log::LogStyle log_style(const config::MainOptions& main, std::string process);

}  // namespace postern::control
