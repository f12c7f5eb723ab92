#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/spool/doorbell.h"
#include "appliance/supervisor/notify.h"
#include "appliance/supervisor/supervisor.h"
#include "engine/ring/ring.h"
#include "engine/shard/placement.h"

namespace postern::bin {
namespace {

// Longer than the grace that open transactions get.
constexpr std::int64_t kStopTimeoutMs = 20'000;

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

supervisor::ChildSpec describe_ingress(const std::string& program, const Arguments& arguments,
                                       const std::vector<InheritedListener>& listeners, const InheritedDoorbell& doorbell) {
  supervisor::ChildSpec child{"ingress", {program, "ingress", "-c", arguments.config_path}, {}};
  for (const InheritedListener& listener : listeners) {
    append(child.arguments, to_options(listener));
    child.descriptors.insert(child.descriptors.end(), listener.descriptors.begin(), listener.descriptors.end());
  }
  append(child.arguments, to_options(doorbell));
  child.descriptors.push_back(doorbell.memory);
  child.descriptors.insert(child.descriptors.end(), doorbell.events.begin(), doorbell.events.end());
  return child;
}

supervisor::ChildSpec describe_deliver(const std::string& program, const Arguments& arguments,
                                       const InheritedDoorbell& doorbell) {
  supervisor::ChildSpec child{"deliver", {program, "deliver", "-c", arguments.config_path}, doorbell.events};
  append(child.arguments, to_options(doorbell));
  child.descriptors.push_back(doorbell.memory);
  return child;
}

}  // namespace

int run_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, true);
  if (!config) return kConfigStatus;
  if (const std::string why = ring::explain_ring_support(); !why.empty()) {
    std::fprintf(stderr, "postern: %s\n", why.c_str());
    return EX_UNAVAILABLE;
  }
  if (!test_disk()) return EX_USAGE;
  if (!prepare_directories(*config)) return EX_CANTCREAT;
  const auto cpus = shard::allowed_cpus();
  const auto listeners = bind_listeners(*config, cpus.size());
  if (!listeners) return EX_UNAVAILABLE;
  const auto doorbell = spool::Doorbell::create(static_cast<std::uint32_t>(cpus.size()));
  if (!doorbell) return std::fprintf(stderr, "postern: doorbell: %s\n", describe(doorbell.error()).c_str()), EX_OSERR;
  InheritedDoorbell inherited{doorbell->memory_fd(), {}};
  for (std::uint32_t slot = 0; slot < doorbell->slots(); ++slot) inherited.events.push_back(doorbell->event_fd(slot));

  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return std::fprintf(stderr, "postern: cannot find my own program: %s\n", error.message().c_str()), EX_OSERR;
  supervisor::Supervisor supervisor(
      {describe_ingress(program, arguments, *listeners, inherited), describe_deliver(program, arguments, inherited)},
      kStopTimeoutMs);
  const int status = supervisor.run([] { supervisor::notify_service_manager("READY=1"); });
  supervisor::notify_service_manager("STOPPING=1");
  return status;
}

}  // namespace postern::bin
