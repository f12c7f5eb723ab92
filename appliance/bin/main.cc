#include <sysexits.h>

#include <cstdio>
#include <span>

#include "appliance/bin/arguments.h"
#include "appliance/bin/commands.h"
#include "engine/base/version.h"

int main(int argc, char** argv) {
  using namespace postern;
  const auto arguments =
      bin::parse_arguments(std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
  if (!arguments) {
    std::fprintf(stderr, "postern: %s\n%s", arguments.error().c_str(), bin::kUsage);
    return EX_USAGE;
  }
  if (arguments->command == "help") return std::fputs(bin::kUsage, stdout), EX_OK;
  if (arguments->command == "version")
    return std::printf("postern %.*s\n", static_cast<int>(kVersion.size()), kVersion.data()), EX_OK;
  if (arguments->command == "run") return bin::run_command(*arguments);
  if (arguments->command == "ingress") return bin::ingress_command(*arguments);
  if (arguments->command == "deliver") return bin::deliver_command(*arguments);
  if (arguments->command == "check") return bin::check_command(*arguments);
  if (arguments->command == "config") return bin::config_command(*arguments);
  if (arguments->command == "reload") return bin::reload_command(*arguments);
  if (arguments->command == "expand") return bin::expand_command(*arguments);
  if (arguments->command == "probe") return bin::probe_command(*arguments);
  return bin::stats_command(*arguments);
}
