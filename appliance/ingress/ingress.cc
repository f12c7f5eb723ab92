#include "appliance/ingress/ingress.h"

#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "appliance/ingress/figures_json.h"
#include "appliance/spool/positions.h"
#include "appliance/supervisor/signals.h"
#include "engine/base/random.h"
#include "engine/coro/event.h"

namespace postern::ingress {
namespace {

constexpr std::size_t kDiskThreads = 2;
constexpr std::size_t kDiskJobsMax = 128;
constexpr std::size_t kLogJobsMax = 64;
constexpr std::size_t kProgramThreads = 4;
constexpr std::size_t kProgramJobsMax = 32;
constexpr std::size_t kLoadJobsMax = 8;
constexpr int kListenBacklog = 4096;

using Publishers = std::vector<std::unique_ptr<spool::Publisher>>;  // one for each shard

class Commands final : public control::CommandHandler {
 public:
  Commands(const std::vector<std::unique_ptr<IngressShard>>& shards, const Publishers& publishers,
           const ConnectionLimits& limits) noexcept
      : shards_(shards), publishers_(publishers), limits_(limits) {}

  Task<std::string> answer(std::string line) override {
    if (line == "stats") co_return stats();
    if (line == "positions") co_return positions();
    if (line == "reload") co_return co_await shards_.front()->reloading().reload();
    co_return "unknown command; known: positions, reload, stats\n";
  }

 private:
  std::string stats() const {
    std::vector<ShardFigures> figures;
    figures.reserve(shards_.size());
    for (const auto& shard : shards_) figures.push_back(shard->figures());
    return figures_json(figures, limits_, shards_.front()->reloading().stats());
  }
  // For a delivery process that has no doorbell.
  std::string positions() const {
    std::vector<spool::ShardPosition> known;
    for (std::size_t i = 0; i < publishers_.size(); ++i)
      if (const auto position = publishers_[i]->position())
        known.push_back({ShardId(static_cast<std::uint16_t>(i)), *position});
    return spool::format_positions(known);
  }

  const std::vector<std::unique_ptr<IngressShard>>& shards_;
  const Publishers& publishers_;
  const ConnectionLimits& limits_;
};

class Process final : private control::ConfigUser {
 public:
  explicit Process(IngressPlan plan)
      : plan_(std::move(plan)),
        limits_(plan_.connections_max, SystemRandom().next()),
        log_files_(plan_.main.log_file_path),
        log_offload_(1, kLogJobsMax),
        disk_offload_(kDiskThreads, kDiskJobsMax),
        program_offload_(kProgramThreads, kProgramJobsMax),
        loading_(1, kLoadJobsMax),
        reload_plan_{plan_.config_path, plan_.main, *this, loading_},
        policy_(std::move(plan_.policy)),
        start_line_(static_cast<unsigned>(plan_.listeners.size())),
        rates_(static_cast<std::uint32_t>(plan_.listeners.size())),
        commands_(shards_, publishers_, limits_),
        working_(static_cast<std::uint32_t>(plan_.listeners.size())) {}

  int run() {
    make_shards();
    // Nothing was promised to anybody yet, so the way out is the short one.
    if (!start_line_.wait_for_all() || !begin_listening()) ::_exit(EX_OSERR);
    for (const auto& shard : shards_) shard->open();
    if (plan_.on_listening) plan_.on_listening();
    supervisor::wait_for_end(working_, {.stop = [this] { stop(); }, .reload = [this] { reload(); }});
    threads_.clear();
    return EX_OK;
  }

 private:
  void make_shards() {
    const auto count = static_cast<std::uint32_t>(plan_.listeners.size());
    for (std::uint32_t i = 0; i < count; ++i)
      publishers_.emplace_back(plan_.doorbell != nullptr ? new spool::Publisher(plan_.doorbell->publisher(i))
                                                         : new spool::Publisher());
    for (std::uint32_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<IngressShard>(shard_plan(i, count)));
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::optional<unsigned> cpu = i < plan_.cpus.size() ? std::optional(plan_.cpus[i]) : std::nullopt;
      threads_.push_back(std::make_unique<shard::ShardThread>(cpu, [this, shard = shards_[i].get()] {
        shard->run();
        working_.ended();
      }));
    }
  }

  ShardPlan shard_plan(std::uint32_t index, std::uint32_t count) {
    return {.id = ShardId(static_cast<std::uint16_t>(index)),
            .shards = count,
            .policy = policy_,
            .limits = limits_,
            .spool_descriptor = plan_.spool_descriptor,
            .spool_path = plan_.main.spool_directory,
            .listeners = plan_.listeners[index],
            .ring = std::move(plan_.rings.at(index)),
            .doorbell = publishers_[index].get(),
            .check_spool_space = plan_.main.check_spool_space,
            .check_spool_inodes = plan_.check_spool_inodes,
            .preallocate_bytes = plan_.main.spool_preallocate / count,
            .disk_faults = plan_.disk_faults,
            .log_files = log_files_,
            .log_offload = log_offload_,
            .disk_offload = disk_offload_,
            .program_offload = program_offload_,
            .start_line = start_line_,
            .control_descriptor = index == 0 ? plan_.control_descriptor : -1,
            .control = &commands_,
            .rates = rates_,
            .reload = index == 0 ? &reload_plan_ : nullptr,
            .recovers_orphans = index == 0};
  }

  // Only now is a connection taken, so that whoever gets one is answered at once.
  bool begin_listening() {
    for (const auto& sockets : plan_.listeners)
      for (const ListenSocket& socket : sockets)
        if (::listen(socket.descriptor, kListenBacklog) != 0) {
          std::fprintf(stderr, "postern: cannot listen on %s: %s\n", socket.address.to_string().c_str(), std::strerror(errno));
          return false;
        }
    return true;
  }

  // ConfigUser
  void prepare(std::shared_ptr<const config::Config> config) override {
    prepared_ = std::make_shared<const IngressPolicy>(make_policy(*config));
  }

  // No shard ends meanwhile: each has to say that it goes by the new one.
  Task<std::shared_ptr<const void>> take() override {
    if (stop_wanted_) co_return nullptr;
    taking_ = true;
    const std::shared_ptr<const IngressPolicy> replaced = std::exchange(policy_, std::move(prepared_));
    std::size_t open = shards_.size();
    Event taken;
    for (const auto& shard : shards_)
      shard->post([this, &shard, &open, &taken] {
        shard->use(policy_);
        shards_.front()->post([&open, &taken] {
          if (--open == 0) taken.set();
        });
      });
    static_cast<void>(co_await taken.wait());
    taking_ = false;
    if (stop_wanted_) stop_shards();
    co_return replaced;
  }

  void reload() {
    shards_.front()->post([this] { shards_.front()->reloading().request(); });
  }

  void stop_shards() {
    for (const auto& shard : shards_) shard->stop();
  }

  void stop() {
    shards_.front()->post([this] {
      stop_wanted_ = true;
      if (!taking_) stop_shards();
    });
    // Whoever comes now is refused at once and tries another host. A process that also holds the sockets can listen on them
    // again.
    for (const auto& sockets : plan_.listeners)
      for (const ListenSocket& socket : sockets) ::shutdown(socket.descriptor, SHUT_RDWR);
  }

  IngressPlan plan_;
  ConnectionLimits limits_;
  log::LogFiles log_files_;
  shard::Offload log_offload_;
  shard::Offload disk_offload_;
  shard::Offload program_offload_;
  shard::Offload loading_;
  ReloadPlan reload_plan_;
  std::shared_ptr<const IngressPolicy> policy_;  // in use; changed on the first shard's thread
  shard::StartLine start_line_;
  RateShards rates_;
  Publishers publishers_;
  std::vector<std::unique_ptr<IngressShard>> shards_;
  Commands commands_;
  supervisor::WorkingThreads working_;

  std::shared_ptr<const IngressPolicy> prepared_;  // between prepare() and take()
  // The first shard's thread:
  bool taking_ = false;
  bool stop_wanted_ = false;
  std::vector<std::unique_ptr<shard::ShardThread>> threads_;
};

}  // namespace

int run_ingress(IngressPlan plan) { return Process(std::move(plan)).run(); }

}  // namespace postern::ingress
