// The commands of `postern`. Each returns the exit status of the process (sysexits).
#pragma once

#include "appliance/bin/arguments.h"

namespace postern::bin {

[[nodiscard]] int run_command(const Arguments& arguments);  // supervises ingress and deliver
[[nodiscard]] int ingress_command(const Arguments& arguments);
[[nodiscard]] int deliver_command(const Arguments& arguments);
[[nodiscard]] int check_command(const Arguments& arguments);
[[nodiscard]] int config_command(const Arguments& arguments);
[[nodiscard]] int reload_command(const Arguments& arguments);
[[nodiscard]] int probe_command(const Arguments& arguments);
[[nodiscard]] int expand_command(const Arguments& arguments);
[[nodiscard]] int stats_command(const Arguments& arguments);

}  // namespace postern::bin
