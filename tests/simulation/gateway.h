// The two processes of a gateway, made of the real parts: sessions, hooks, sinks and segment writers of two shards; and
// delivery. Each can be stopped in good order or killed.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "appliance/config/config.h"
#include "appliance/delivery/delivery.h"
#include "appliance/ingress/connection.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/spool_sink.h"
#include "appliance/spool/damage.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/message_ids.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/side_file_sweep.h"
#include "appliance/spool/space.h"
#include "appliance/spool/writer.h"
#include "engine/buffer/message_buffer.h"
#include "engine/coro/gate.h"
#include "engine/smtp/fake_stream.h"
#include "engine/smtp/session.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/simulation/process_seams.h"

namespace postern::simulation {

inline constexpr std::uint16_t kShards = 2;
// Small, so that many messages are large ones.
inline constexpr ingress::SpillLimits kSpillLimits{.body_bytes = 6'000, .if_scarce = 3'000, .if_tight = 1'500};

[[nodiscard]] inline std::string shard_directory(std::uint16_t shard) { return "ingress/0" + std::to_string(shard); }

// What both processes stand on. Outlives them.
struct Machine {
  FileSystem& disk;
  Connector& network;
  Random& random;
  log::LogSink& log;
  spool::DamageReporter& damage;
  std::shared_ptr<const config::Config> config;
  spool::Doorbell& doorbell;
};

class IngressProcess {
 public:
  explicit IngressProcess(const Machine& machine)
      : policy_(make_policy(*machine.config)), files_(machine.disk, pulse_), log_(machine.log, pulse_) {
    for (std::uint16_t i = 0; i < kShards; ++i) shards_[i] = std::make_unique<Shard>(*this, machine, i);
  }

  // After an error it is destroyed at once.
  [[nodiscard]] Task<Result<void>> start() {
    for (std::size_t i = 0; i < kShards; ++i) {
      Result<void> started = co_await shards_[i]->start(files_);
      if (started) continue;
      for (std::size_t j = 0; j < i; ++j) co_await shards_[j]->stop();
      co_return started;
    }
    for (const auto& shard : shards_) {
      background_.start(watch_space(*shard));
      background_.start(sweep(*shard));
    }
    co_return Result<void>{};
  }
  void serve(std::size_t shard, std::shared_ptr<smtp::FakePeer> peer) { sessions_.start(serve_one(*shards_[shard], peer)); }
  void end_of_turn() {
    for (const auto& shard : shards_) shard->writer.flush();
  }
  void kill() { pulse_.is_alive = false; }
  [[nodiscard]] bool is_alive() const noexcept { return pulse_.is_alive; }
  // In good order, unless it was killed.
  [[nodiscard]] Task<void> stop() {
    draining_.request_stop();
    if (!pulse_.is_alive) stopping_.request_stop();
    co_await sessions_.close();
    stopping_.request_stop();
    co_await background_.close();
    for (const auto& shard : shards_) co_await shard->stop();
  }
  // Messages that went to side files.
  [[nodiscard]] std::uint64_t large_messages() const {
    return shards_[0]->side_files.stats().files.get() + shards_[1]->side_files.stats().files.get();
  }
  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.inside(); }
  // What no message under way accounts for: reserved space, memory, receive buffers.
  [[nodiscard]] std::uint64_t leaked() const {
    std::uint64_t bytes = 0;
    for (const auto& shard : shards_)
      bytes += shard->space.reserved_bytes() + shard->memory.used() + shard->blocks.used_bytes();
    return bytes;
  }

 private:
  static std::shared_ptr<const ingress::IngressPolicy> make_policy(const config::Config& config) {
    auto policy = std::make_shared<ingress::IngressPolicy>(ingress::make_policy(config));
    policy->limits.shutdown_grace_ms = 50;
    policy->limits.linger_ms = 5;
    return policy;
  }
  struct Shard {
    Shard(IngressProcess& process, const Machine& machine, std::uint16_t number_of_it)
        : number(number_of_it),
          publisher(machine.doorbell.publisher(number)),
          writer(process.files_, shard_directory(number), options(number), machine.random, machine.damage, &publisher),
          side_files(process.files_, shard_directory(number)),
          ids(process.files_, shard_directory(number), ShardId(number)),
          services{std::make_shared<const ingress::InUse>(
                       ingress::InUse{process.policy_, std::make_shared<language::ShardLanguage>(
                                                           process.policy_->language, language::ShardNeeds{.clock = clock})}),
                   arrivals,
                   process.log_,
                   resolver,
                   stats,
                   machine.random} {}
    static spool::WriterOptions options(std::uint16_t number) {
      return {.shard = ShardId(number),
              .segment_bytes = 96 * 1024,
              .batch_bytes = 48 * 1024,
              .free_segments_max = 2,
              .register_buffers = false};
    }
    Task<Result<void>> start(FileSystem& files) {
      Result<void> started = co_await writer.start();
      if (!started) co_return started;
      started = co_await ids.start();
      auto listed = started ? co_await spool::list_side_files(files, shard_directory(number)) : failure(started.error());
      if (listed) left_side_files = std::move(*listed);
      if (!started) co_await writer.stop();
      if (started) co_await look(files);
      co_return started;
    }
    Task<void> look(FileSystem& files) {
      const Result<SpaceInfo> info = co_await files.space("ingress");
      if (info) space.update(*info, 0);
    }
    Task<void> stop() {
      co_await writer.stop();
      co_await ids.stop();
    }

    std::uint16_t number;
    std::vector<std::string> left_side_files;
    BlockPool blocks;
    MemoryBudget memory{256 * 1024};
    spool::Publisher publisher;
    spool::SegmentWriter writer;
    spool::SideFiles side_files;
    spool::MessageIds ids;
    spool::SpaceWatch space{{.bytes_min = 64 * 1024, .inodes_min = 0, .sharers = kShards}};
    ingress::IngressStats stats;
    dns::FakeResolver resolver;
    ManualClock clock;  // of files that texts ask, and none does
    ingress::SpoolArrivals arrivals{
        ingress::SpoolServices{writer, side_files, ids, space, blocks, memory, stats.copied_bytes, kSpillLimits}};
    ingress::ConnectionServices services;
  };

  Task<void> sweep(Shard& shard) {
    static_cast<void>(
        co_await spool::sweep_side_files(files_, shard_directory(shard.number), shard.left_side_files, stopping_));
  }
  Task<void> watch_space(Shard& shard) {
    while (co_await sleep_until(Scheduler::current().now().plus_ms(50), &stopping_)) {
      co_await shard.look(files_);
      co_await shard.writer.tidy();
    }
  }
  Task<void> serve_one(Shard& shard, std::shared_ptr<smtp::FakePeer> peer) {
    ingress::Connection connection(shard.services, shard.services.configuration);
    smtp::SessionOptions options;
    options.limits = &policy_->limits;
    smtp::Session session({shard.blocks, draining_, stopping_}, peer->make_stream(), connection, options);
    co_await session.run();
  }

  Pulse pulse_;
  std::shared_ptr<const ingress::IngressPolicy> policy_;
  ProcessFiles files_;
  ProcessLog log_;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
  StopSource draining_;
  StopSource stopping_;
  Gate sessions_;
  Gate background_;
};

class DeliveryProcess {
 public:
  explicit DeliveryProcess(const Machine& machine)
      : files_(machine.disk, pulse_),
        network_(machine.network, pulse_),
        log_(machine.log, pulse_),
        delivery_({.files = files_,
                   .connector = network_,
                   .blocks = blocks_,
                   .random = machine.random,
                   .log = log_,
                   .config = machine.config,
                   .doorbell = &machine.doorbell,
                   .waiter = nullptr,
                   .user = "mail"},
                  options()) {}

  [[nodiscard]] Task<Result<void>> start() { co_return co_await delivery_.start(); }
  void run() { running_.start(delivery_.run(stop_)); }
  void end_of_turn() { delivery_.end_of_turn(); }
  void kill() { pulse_.is_alive = false; }
  [[nodiscard]] bool is_alive() const noexcept { return pulse_.is_alive; }
  [[nodiscard]] Task<void> stop() {
    stop_.request_stop();
    co_await running_.close();
  }
  [[nodiscard]] const delivery::DeliveryStats& stats() const noexcept { return delivery_.stats(); }
  [[nodiscard]] const delivery::JournalStats& journal_stats() const noexcept { return delivery_.journal_stats(); }
  [[nodiscard]] std::uint64_t leaked() const { return blocks_.used_bytes(); }

 private:
  static delivery::DeliveryOptions options() {
    delivery::DeliveryOptions options;
    options.stop_grace_ms = 20;
    options.connection_idle_ms = 100;
    options.forget_s = 1;
    options.journal = {.file_bytes = 32 * 1024, .batch_gap_ms = 1, .repair_gap_ms = 5};
    options.tail.list_ms = 200;
    options.tail.trouble_ms = 20;
    options.compaction = {.live_percent_max = 50, .settle_s = 1, .old_s = 60, .copies_at_once = 3, .trouble_s = 1};
    return options;
  }

  Pulse pulse_;
  ProcessFiles files_;
  ProcessConnector network_;
  ProcessLog log_;
  BlockPool blocks_;
  StopSource stop_;
  Gate running_;
  delivery::Delivery delivery_;
};

}  // namespace postern::simulation
