// What the connections of one shard share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "appliance/ingress/acl_watcher.h"
#include "appliance/ingress/arrivals.h"
#include "appliance/ingress/connection_limits.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/rates.h"
#include "appliance/ingress/stats.h"
#include "appliance/language/shard_language.h"
#include "appliance/log/log_line.h"
#include "appliance/log/log_sink.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/coro/stop.h"
#include "net/dns/resolver.h"
#include "policy/acl/run.h"
#include "policy/checks/settings.h"

namespace postern::ingress {

// A configuration as one shard goes by it. The counts of its owners are the shard's alone.
struct InUse {
  std::shared_ptr<const IngressPolicy> policy;
  std::shared_ptr<language::ShardLanguage> language;  // of `policy`; null: nothing is asked
};

// What the connections of one shard share. Outlives them.
struct ConnectionServices {
  std::shared_ptr<const InUse> configuration;  // for connections that begin now
  Arrivals& arrivals;
  log::LogSink& log;
  dns::Resolver& resolver;
  IngressStats& stats;
  Random& random;
  RateKeeper* rates = nullptr;               // null: no rates are kept
  routing::Callouts* callouts = nullptr;     // null: nobody is called, and routing alone decides
  AclWatcher* watcher = nullptr;             // null: nobody watches
  dnsbl::ZoneTable zones = {};               // of DNS lists
  StopSource* hurry = nullptr;               // requested when ACLs are to wait for nothing any more
  std::string scratch = {};                  // for one expansion or text at a time, never across a suspension
  log::LogLine line = {};                    // for one log line at a time, likewise
  std::string id_prefix = {};                // of connection_id: the same for no two shards and processes
  std::uint64_t connections = 0;             // begun so far, for their ids
  checks::Shared checks = {.resolver = resolver, .random = random};
  const ConnectionLimits* limits = nullptr;  // counts those on all shards; null: nobody does

  // Writes `scratch` to these logs.
  void log_scratch(acl::LogTargets targets);
  // A text of the configuration could not be expanded or understood: to the main log and the panic log.
  void trouble(std::string_view text);

  // format_rfc5322_time(), made once a second. Valid until the next call.
  [[nodiscard]] std::string_view rfc5322_time(WallTime time);
  std::int64_t time_text_second = -1;
  std::string time_text = {};
};

}  // namespace postern::ingress
