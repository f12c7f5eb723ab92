#include "appliance/ingress/figures_json.h"

#include <nlohmann/json.hpp>

#include "appliance/metrics/figures.h"
#include "appliance/metrics/heap.h"

namespace postern::ingress {
namespace {

using Json = nlohmann::ordered_json;

template <class Part, class Get>
std::uint64_t sum(std::span<const ShardFigures> shards, Part part, Get get) {
  std::uint64_t total = 0;
  for (const ShardFigures& shard : shards) total += (part(shard)->*get).get();
  return total;
}

Json refusals(std::span<const ShardFigures> shards) {
  Json json = Json::object();
  for (std::size_t i = 0; i < static_cast<std::size_t>(Refusal::kCount); ++i) {
    std::uint64_t total = 0;
    for (const ShardFigures& shard : shards) total += shard.ingress->refusals[i].get();
    json[std::string(to_string(static_cast<Refusal>(i)))] = total;
  }
  return json;
}

Json commit_latency(std::span<const ShardFigures> shards) {
  std::vector<const Histogram*> parts;
  for (const ShardFigures& shard : shards) parts.push_back(&shard.spool->commit_us);
  std::uint64_t total_us = 0;
  for (const Histogram* part : parts) total_us += part->sum();
  const std::uint64_t commits = metrics::count(parts);
  return {{"count", commits},
          {"mean", commits == 0 ? 0 : total_us / commits},
          {"p50", metrics::percentile(parts, 0.5)},
          {"p90", metrics::percentile(parts, 0.9)},
          {"p99", metrics::percentile(parts, 0.99)}};
}

// By shard, in bytes: what it holds for life, then blocks in use and kept for reuse.
Json pools(std::span<const ShardFigures> shards) {
  Json json = Json::array();
  for (const ShardFigures& shard : shards)
    json.push_back({{"small_receive", shard.pools.small_receive},
                    {"large_receive", shard.pools.large_receive},
                    {"commit_batches", shard.pools.commit_batches},
                    {"log_ring", shard.pools.log_ring},
                    {"blocks_used", shard.ingress->blocks_used_bytes.get()},
                    {"blocks_spare", shard.ingress->blocks_spare_bytes.get()}});
  return json;
}

}  // namespace

std::string figures_json(std::span<const ShardFigures> shards, const ConnectionLimits& limits,
                         const control::ReloadStats& reload) {
  const auto ingress = [](const ShardFigures& shard) { return shard.ingress; };
  const auto spool = [](const ShardFigures& shard) { return shard.spool; };
  const auto large = [](const ShardFigures& shard) { return shard.side_files; };
  const auto log = [](const ShardFigures& shard) { return shard.log; };
  const auto ring = [](const ShardFigures& shard) { return shard.ring; };
  const auto dns = [](const ShardFigures& shard) { return shard.resolver; };
  Json json;
  json["shards"] = shards.size();
  json["connections"] = {{"accepted", sum(shards, ingress, &IngressStats::connections)},
                         {"open", limits.connections()},
                         {"open_max", limits.connections_max()},
                         {"lost", sum(shards, ingress, &IngressStats::lost_connections)},
                         {"timed_out", sum(shards, ingress, &IngressStats::timeouts)}};
  json["messages"] = {{"accepted", sum(shards, ingress, &IngressStats::messages)},
                      {"recipients", sum(shards, ingress, &IngressStats::recipients)},
                      {"bytes", sum(shards, ingress, &IngressStats::message_bytes)},
                      {"discarded", sum(shards, ingress, &IngressStats::discarded)}};
  json["refused"] = refusals(shards);
  json["commit_us"] = commit_latency(shards);
  json["spool"] = {{"commits", sum(shards, spool, &spool::SpoolStats::commits)},
                   {"batches", sum(shards, spool, &spool::SpoolStats::batches)},
                   {"bytes", sum(shards, spool, &spool::SpoolStats::bytes)},
                   {"record_bytes", sum(shards, spool, &spool::SpoolStats::record_bytes)},
                   {"in_doubt", sum(shards, spool, &spool::SpoolStats::in_doubt)},
                   {"segments_in_use", sum(shards, spool, &spool::SpoolStats::segments_in_use)},
                   {"segments_free", sum(shards, spool, &spool::SpoolStats::segments_free)}};
  json["large_messages"] = {{"files", sum(shards, large, &spool::SideFileStats::files)},
                            {"bytes", sum(shards, large, &spool::SideFileStats::bytes)},
                            {"open", sum(shards, large, &spool::SideFileStats::open)},
                            {"writes", sum(shards, large, &spool::SideFileStats::writes)}};
  // Each shard looks at the disk for itself.
  json["low_space"] = sum(shards, ingress, &IngressStats::low_space) > 0;
  json["low_space_shards"] = sum(shards, ingress, &IngressStats::low_space);
  json["pinned_bytes"] = sum(shards, ingress, &IngressStats::pinned_bytes);
  json["copied_bytes"] = sum(shards, ingress, &IngressStats::copied_bytes);
  json["pools"] = pools(shards);
  if (const auto heap = metrics::heap_figures())
    json["heap"] = {{"allocations", heap->allocations},
                    {"allocated_bytes", heap->allocated_bytes},
                    {"resident_bytes", heap->resident_bytes}};
  json["log"] = {{"lines", sum(shards, log, &log::LogStats::lines)},
                 {"dropped", sum(shards, log, &log::LogStats::dropped)},
                 {"write_errors", sum(shards, log, &log::LogStats::write_errors)}};
  json["configuration"] = {{"reloads", reload.reloads.get()},
                           {"failed_reloads", reload.failed.get()},
                           {"last_reload_s", reload.last_reload_s.get()},
                           {"earlier_in_use", reload.earlier_in_use.get()}};
  json["dns"] = {{"questions", sum(shards, dns, &dns::ResolverStats::questions)},
                 {"from_cache", sum(shards, dns, &dns::ResolverStats::from_cache)},
                 {"joined", sum(shards, dns, &dns::ResolverStats::joined)},
                 {"stale", sum(shards, dns, &dns::ResolverStats::stale)},
                 {"sent", sum(shards, dns, &dns::ResolverStats::sent)},
                 {"over_stream", sum(shards, dns, &dns::ResolverStats::over_stream)},
                 {"timeouts", sum(shards, dns, &dns::ResolverStats::timeouts)},
                 {"failures", sum(shards, dns, &dns::ResolverStats::failures)}};
  json["ring"] = {{"enters", sum(shards, ring, &ring::RingStats::enters)},
                  {"submissions", sum(shards, ring, &ring::RingStats::submissions)},
                  {"completions", sum(shards, ring, &ring::RingStats::completions)},
                  {"overflows", sum(shards, ring, &ring::RingStats::overflows)}};
  return json.dump(2) + "\n";
}

}  // namespace postern::ingress
