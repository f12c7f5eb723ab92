#include "appliance/control/log_style.h"

#include <utility>

namespace postern::control {

log::LogStyle log_style(const config::MainOptions& main, std::string process) {
  using config::LogSelector;
  return {.format = main.log_format == config::LogFormat::json ? log::LogStyle::Format::json : log::LogStyle::Format::exim,
          .millisec = main.log_selector.has(LogSelector::millisec),
          .timezone = main.log_timezone,
          .pid = main.log_selector.has(LogSelector::pid),
          .reject_log = main.write_rejectlog,
          .process = std::move(process)};
}

}  // namespace postern::control
