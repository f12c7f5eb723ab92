// One shard of ingress: a thread with its loop, ring, buffers, spool writer and listeners. Nothing of it is shared but the
// table of connection limits, and figures that others may read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/main_options.h"
#include "appliance/control/control_server.h"
#include "appliance/control/reloading.h"
#include "appliance/ingress/connection_limits.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/rates.h"
#include "appliance/ingress/stats.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_writer.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/stats.h"
#include "engine/base/clock.h"
#include "engine/base/ids.h"
#include "engine/io/disk_faults.h"
#include "engine/ring/ring.h"
#include "engine/shard/mailbox.h"
#include "engine/shard/offload.h"
#include "engine/shard/shard_thread.h"
#include "net/dns/ares_resolver.h"

namespace postern::ingress {

struct ListenSocket {
  int descriptor = -1;  // bound, not yet listening
  SocketAddress address;
};

// For the shard that takes new configurations into use, for all of them.
struct ReloadPlan {
  std::string path;             // of the configuration
  config::MainOptions running;  // what the process began with
  control::ConfigUser& user;
  shard::Offload& loading;  // one thread
};

// What a shard is made from. Everything referred to outlives it.
struct ShardPlan {
  ShardId id;
  std::uint32_t shards = 1;
  std::shared_ptr<const IngressPolicy> policy;  // to begin with
  ConnectionLimits& limits;
  int spool_descriptor = -1;             // the spool directory, borrowed
  std::string spool_path;                // of the same, for control sockets and messages
  std::vector<ListenSocket> listeners;   // taken over
  std::unique_ptr<ring::Ring> ring;      // from make_ring()
  spool::Publisher* doorbell = nullptr;  // of this shard
  std::uint64_t check_spool_space = 0;
  std::uint64_t check_spool_inodes = 0;
  std::uint64_t preallocate_bytes = 0;
  DiskFaults disk_faults;  // each shard has them all
  log::LogFiles& log_files;
  shard::Offload& log_offload;  // one thread
  shard::Offload& disk_offload;
  shard::Offload& program_offload;  // as many threads as programs may run at once
  shard::StartLine& start_line;
  int control_descriptor = -1;  // a listening UNIX socket, taken over; -1: another shard has it
  control::CommandHandler* control = nullptr;
  RateShards& rates;
  const ReloadPlan* reload = nullptr;  // of one shard
  bool recovers_orphans = false;       // directories of shards that no longer exist are this one's to recover
};

// The ring of a shard, made while the process still has privileges (see ring::Ring::make).
[[nodiscard]] Result<std::unique_ptr<ring::Ring>> make_ring(std::uint32_t connections_max);

// What a shard holds for life, in bytes.
struct ShardPools {
  std::uint64_t small_receive = 0;
  std::uint64_t large_receive = 0;
  std::uint64_t commit_batches = 0;
  std::uint64_t log_ring = 0;
};

// Figures of a shard, for others to read once it has arrived at the start line.
struct ShardFigures {
  const IngressStats* ingress = nullptr;
  const spool::SpoolStats* spool = nullptr;
  const spool::SideFileStats* side_files = nullptr;
  const log::LogStats* log = nullptr;
  const ring::RingStats* ring = nullptr;
  const dns::ResolverStats* resolver = nullptr;
  ShardPools pools;
};

// Runs on a thread of its own; the functions below may be called from any other.
class IngressShard {
 public:
  explicit IngressShard(ShardPlan plan);
  IngressShard(const IngressShard&) = delete;
  IngressShard& operator=(const IngressShard&) = delete;
  ~IngressShard();

  // The thread's whole life. Arrives at the start line when ready to take connections, or having said on standard error why
  // not.
  void run();

  // After all have arrived: begins to accept.
  void open();
  // No new connections; open transactions get their grace, then 421. run() returns when the last connection has ended.
  void stop();
  // Runs `what` on the shard's thread.
  void post(std::function<void()> what);
  // Connections that begin from now on go by `policy`. On the shard's thread.
  void use(const std::shared_ptr<const IngressPolicy>& policy);
  // Of the shard with a ReloadPlan. On the shard's thread.
  [[nodiscard]] control::Reloading& reloading() noexcept;
  [[nodiscard]] ShardFigures figures() const noexcept;

 private:
  class Body;
  ShardPlan plan_;
  Body* body_ = nullptr;  // on run()'s stack, from the start line until the end
};

}  // namespace postern::ingress
