#include <sysexits.h>

#include <cstdio>
#include <utility>

#include "appliance/bin/commands.h"
#include "appliance/bin/ready.h"
#include "appliance/bin/setup.h"
#include "appliance/delivery/process.h"
#include "appliance/supervisor/signals.h"
#include "engine/ring/ring.h"

namespace postern::bin {

int deliver_command(const Arguments& arguments) {
  supervisor::block_signals();
  auto config = load(arguments.config_path, arguments.parent == 0);
  if (!config) return kConfigStatus;
  if (const std::string why = ring::explain_ring_support(); !why.empty()) {
    std::fprintf(stderr, "postern: %s\n", why.c_str());
    return EX_UNAVAILABLE;
  }
  const auto disk_faults = test_disk();
  if (!disk_faults) return EX_USAGE;
  const auto user = prepare_directories(*config);
  if (!user) return EX_CANTCREAT;
  static_cast<void>(privilege::raise_open_files(kDeliveryDescriptors));
  privilege::lift_locked_memory();
  const spool::UniqueFd spool = open_spool(*config);
  if (spool.get() < 0) return EX_CANTCREAT;
  const auto lock = lock_directory(*config, "delivery");
  if (!lock) return EX_TEMPFAIL;
  std::optional<spool::Doorbell> doorbell;
  if (arguments.doorbell && !(doorbell = attach_doorbell(*arguments.doorbell))) return EX_SOFTWARE;
  const int control = make_control_socket(spool, "delivery", *user);
  auto ring = delivery::make_ring();
  if (!ring) return std::fprintf(stderr, "postern: cannot set up io_uring: %s\n", describe(ring.error()).c_str()), EX_OSERR;
  if (!become(*user, arguments)) return EX_NOPERM;
  return delivery::run_delivery({.config = std::move(config),
                                 .config_path = arguments.config_path,
                                 .spool_descriptor = spool.get(),
                                 .ring = std::move(*ring),
                                 .control_descriptor = control,
                                 .doorbell = doorbell ? &*doorbell : nullptr,
                                 .disk_faults = *disk_faults,
                                 .user = user->name.empty() ? "postern" : user->name,
                                 .on_ready = [&arguments] { tell_ready(arguments); }});
}

}  // namespace postern::bin
