#include <sysexits.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"

namespace postern::bin {

int check_command(const Arguments& arguments) {
  if (!load(arguments.config_path, true)) return kConfigStatus;
  std::printf("%s: no errors\n", arguments.config_path.c_str());
  return EX_OK;
}

}  // namespace postern::bin
