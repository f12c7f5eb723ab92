#include <sysexits.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/config/load.h"

namespace postern::bin {

int check_command(const Arguments& arguments) {
  const config::LoadResult loaded = config::load_config(arguments.config_path, {.for_use = false});
  std::fputs(config::format_diagnostics(loaded.diagnostics).c_str(), stderr);
  if (!loaded.ok()) return kConfigStatus;
  std::printf("%s: no errors\n", arguments.config_path.c_str());
  return EX_OK;
}

}  // namespace postern::bin
