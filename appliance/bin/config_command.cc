#include <sysexits.h>
#include <unistd.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/config/load.h"

namespace postern::bin {

int config_command(const Arguments& arguments) {
  const bool is_root = ::geteuid() == 0;
  const config::LoadResult loaded = config::load_config(
      arguments.config_path, {.effective = is_root ? config::HiddenValues::shown : config::HiddenValues::left_out});
  std::fputs(config::format_diagnostics(loaded.diagnostics).c_str(), stderr);
  if (!loaded.ok()) return kConfigStatus;
  std::fwrite(loaded.effective.data(), 1, loaded.effective.size(), stdout);
  return std::fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

}  // namespace postern::bin
