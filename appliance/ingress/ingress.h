// The ingress process: shards on their threads, signals on the first one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appliance/config/main_options.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/shard.h"
#include "appliance/spool/doorbell.h"
#include "engine/io/disk_faults.h"

namespace postern::ingress {

struct IngressPlan {
  std::shared_ptr<const IngressPolicy> policy;
  std::uint32_t connections_max = 0;                 // smtp_accept_max, as far as descriptors allow
  std::string config_path;                           // where a reload finds the next configuration
  config::MainOptions main;                          // what cannot change meanwhile is compared with this
  std::vector<std::vector<ListenSocket>> listeners;  // for each shard; bound, taken over
  std::vector<std::unique_ptr<ring::Ring>> rings;    // one for each shard, from make_ring(connections_max)
  std::vector<unsigned> cpus;                        // one for each shard; empty: not pinned
  int spool_descriptor = -1;                         // the spool directory, borrowed
  int control_descriptor = -1;
  spool::Doorbell* doorbell = nullptr;  // with a slot for each shard; nullptr: who follows asks for positions
  std::uint64_t check_spool_inodes = 0;
  DiskFaults disk_faults;              // what is to be wrong with the disk, in tests and benchmarks
  std::function<void()> on_listening;  // called once connections are taken
};

// Runs until SIGTERM or SIGINT; a second one ends the process at once. SIGHUP reloads the configuration.
// supervisor::block_signals() was called before. Returns the exit status.
[[nodiscard]] int run_ingress(IngressPlan plan);

}  // namespace postern::ingress
