// The delivery process: one shard on a thread of its own, signals on the first one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "appliance/config/config.h"
#include "appliance/spool/doorbell.h"
#include "engine/base/result.h"
#include "engine/io/disk_faults.h"
#include "engine/ring/ring.h"

namespace postern::delivery {

struct ProcessPlan {
  std::shared_ptr<const config::Config> config;
  std::string config_path;              // where a reload finds the next one
  int spool_descriptor = -1;            // the spool directory, borrowed
  std::unique_ptr<ring::Ring> ring;     // from make_ring()
  int control_descriptor = -1;          // a listening UNIX socket, taken over; -1: none
  spool::Doorbell* doorbell = nullptr;  // nullptr: ingress is asked how far it is durable
  DiskFaults disk_faults;               // what is to be wrong with the disk, in tests and benchmarks
  std::string user = "postern";         // whom this process runs as, for the log
  std::function<void()> on_ready;
};

// The ring of the process, made while it still has privileges (see ring::Ring::make).
[[nodiscard]] Result<std::unique_ptr<ring::Ring>> make_ring();

// Runs until SIGTERM or SIGINT; a second one ends the process at once. SIGHUP reloads the configuration.
// supervisor::block_signals() was called before. Returns the exit status.
[[nodiscard]] int run_delivery(ProcessPlan plan);

}  // namespace postern::delivery
