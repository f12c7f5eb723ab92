#include <sysexits.h>

#include <algorithm>
#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/ready.h"
#include "appliance/bin/setup.h"
#include "appliance/ingress/ingress.h"
#include "appliance/spool/lock.h"
#include "appliance/supervisor/signals.h"
#include "engine/ring/ring.h"
#include "engine/shard/placement.h"

namespace postern::bin {
namespace {

// Beside connections: direct descriptors for accepts in flight and files, and the process's own.
constexpr std::size_t kDescriptorsBeside = 300;

// Each connection takes a descriptor, so the limit on those is one on connections.
std::uint32_t fit_connections_to_descriptors(std::uint32_t connections_max) {
  const std::uint32_t wanted = connections_max == 0 ? ingress::ConnectionLimits::kUnlimited : connections_max;
  const std::size_t available = privilege::raise_open_files(wanted + kDescriptorsBeside);
  if (available >= wanted + kDescriptorsBeside) return wanted;
  const auto fitting =
      static_cast<std::uint32_t>(available > 2 * kDescriptorsBeside ? available - kDescriptorsBeside : available / 2);
  std::fprintf(stderr,
               "postern: warning: smtp_accept_max lowered to %u: no more than %zu open files are allowed (ulimit -n; systemd: "
               "LimitNOFILE)\n",
               fitting, available);
  return fitting;
}

std::optional<std::vector<std::unique_ptr<ring::Ring>>> make_rings(std::size_t shards, std::uint32_t connections_max) {
  std::vector<std::unique_ptr<ring::Ring>> rings;
  for (std::size_t i = 0; i < shards; ++i) {
    auto ring = ingress::make_ring(connections_max);
    if (!ring)
      return std::fprintf(stderr, "postern: cannot set up io_uring: %s\n", describe(ring.error()).c_str()), std::nullopt;
    rings.push_back(std::move(*ring));
  }
  return rings;
}

}  // namespace

int ingress_command(const Arguments& arguments) {
  supervisor::block_signals();
  const auto config = load(arguments.config_path, arguments.parent == 0);
  if (!config) return kConfigStatus;
  if (const std::string why = ring::explain_ring_support(); !why.empty()) {
    std::fprintf(stderr, "postern: %s\n", why.c_str());
    return EX_UNAVAILABLE;
  }
  const auto disk_faults = test_disk();
  if (!disk_faults) return EX_USAGE;
  const auto user = prepare_directories(*config);
  if (!user) return EX_CANTCREAT;
  const auto cpus = shard::allowed_cpus();
  auto listeners = arguments.listeners;
  if (listeners.empty()) {
    auto bound = bind_listeners(*config, cpus.size());
    if (!bound) return EX_UNAVAILABLE;
    listeners = std::move(*bound);
  }
  const std::uint32_t connections_max = fit_connections_to_descriptors(config->main.smtp_accept_max);
  privilege::lift_locked_memory();
  const spool::UniqueFd spool = open_spool(*config);
  if (spool.get() < 0) return EX_CANTCREAT;
  const auto lock = lock_directory(*config, "ingress");
  if (!lock) return EX_TEMPFAIL;

  std::optional<spool::Doorbell> doorbell;
  if (arguments.doorbell && !(doorbell = attach_doorbell(*arguments.doorbell))) return EX_SOFTWARE;
  const int control = make_control_socket(spool, "ingress", *user);
  auto rings = make_rings(cpus.size(), connections_max);
  if (!rings) return EX_OSERR;
  if (!become(*user, arguments)) return EX_NOPERM;

  return ingress::run_ingress({.policy = std::make_shared<const ingress::IngressPolicy>(ingress::make_policy(*config)),
                               .connections_max = connections_max,
                               .config_path = arguments.config_path,
                               .main = config->main,
                               .listeners = by_shard(listeners),
                               .rings = std::move(*rings),
                               .cpus = cpus,
                               .spool_descriptor = spool.get(),
                               .control_descriptor = control,
                               .doorbell = doorbell ? &*doorbell : nullptr,
                               .check_spool_inodes = 100,
                               .disk_faults = *disk_faults,
                               .on_listening = [&arguments] { tell_ready(arguments); }});
}

}  // namespace postern::bin
