// A configuration read anew while another is in use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/config/config.h"

namespace postern::config {

struct Reload {
  std::shared_ptr<const Config> config;  // null: what is in use stays in use
  // A line each: why nothing changes, or what the new configuration warns of, and what of it counts only after a restart.
  std::vector<std::string> messages;
};

// The file, and all files it names, once more, from disk. Blocks. `running` is what the process began with. Nothing of it is
// touched, and nothing is given unless everything could be read and the log can be written where the new one wants it.
[[nodiscard]] Reload load_again(const std::string& path, const MainOptions& running);

// Names of the options in which the two differ and that a running process cannot change.
[[nodiscard]] std::vector<std::string> wants_restart(const MainOptions& running, const MainOptions& wanted);

}  // namespace postern::config
