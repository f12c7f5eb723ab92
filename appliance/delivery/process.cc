#include "appliance/delivery/process.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include "appliance/config/resolver_settings.h"
#include "appliance/control/control_server.h"
#include "appliance/control/log_style.h"
#include "appliance/control/reloading.h"
#include "appliance/delivery/delivery.h"
#include "appliance/delivery/figures_json.h"
#include "appliance/language/shard_language.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_writer.h"
#include "appliance/supervisor/signals.h"
#include "engine/base/random.h"
#include "engine/coro/gate.h"
#include "engine/io/faulty_file_system.h"
#include "engine/ring/readable.h"
#include "engine/ring/ring_delays.h"
#include "engine/ring/uring_file_system.h"
#include "engine/shard/offload.h"
#include "engine/shard/shard_thread.h"
#include "net/dns/ares_resolver.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"

namespace postern::delivery {
namespace {

constexpr transport::RuntimeOptions kRuntimeOptions{.connections_max = 1024, .small_buffers = 1024, .large_buffers = 64};
constexpr std::size_t kDiskThreads = 4;
constexpr std::size_t kDiskJobsMax = 512;
constexpr std::size_t kLogJobsMax = 16;
constexpr std::size_t kLoadJobsMax = 8;
constexpr log::LogPace kLogPace{.delay_ms = 22, .holds = true};  // within the 50 ms that a line may take

class EventWait final : public ReadableWait {
 public:
  explicit EventWait(ring::Ring& ring) noexcept : ring_(ring) {}
  Task<Result<void>> readable(int descriptor, Wait wait) override { return ring::readable(ring_, descriptor, wait); }

 private:
  ring::Ring& ring_;
};

class Body final : public control::CommandHandler, private control::ConfigUser {
 public:
  Body(ProcessPlan& plan, shard::StartLine& start_line)
      : plan_(plan),
        start_line_(start_line),
        config_(std::move(plan.config)),
        log_files_(config_->main.log_file_path),
        log_offload_(1, kLogJobsMax),
        disk_offload_(kDiskThreads, kDiskJobsMax),
        loading_(1, kLoadJobsMax) {}

  // The thread's whole life.
  void run() {
    if (!set_up()) return start_line_.arrive(false);
    runtime_->loop().run(main(*this));
    delivery_.reset();
    reloading_.reset();
    resolver_.reset();
    connector_.reset();
    datagrams_.reset();
    log_.reset();
    faulty_disk_.reset();
    delays_.reset();
    disk_.reset();
    runtime_.reset();
  }
  // From another thread, after the start line.
  void stop() {
    runtime_->post([this] { stop_.request_stop(); });
  }
  void reload() {
    runtime_->post([this] { reloading_->request(); });
  }

 private:
  bool set_up() {
    auto runtime = transport::Runtime::create(kRuntimeOptions, std::move(plan_.ring));
    if (!runtime) {
      std::fprintf(stderr, "postern: delivery: cannot set up io_uring: %s\n", describe(runtime.error()).c_str());
      return false;
    }
    runtime_ = std::move(*runtime);
    const int root = ::fcntl(plan_.spool_descriptor, F_DUPFD_CLOEXEC, 0);
    if (root < 0) return std::perror("postern: delivery: spool directory"), false;
    open_disk(root);
    log_.emplace(log_files_, log_offload_, runtime_->clock(), kLogPace);
    log_->set_style(control::log_style(config_->main, "delivery"));
    if (plan_.disk_faults.any())
      for (const log::Stream stream : {log::Stream::main, log::Stream::panic})
        log_->write(stream, "delivery: " + describe(plan_.disk_faults));
    auto datagrams = transport::UringDatagrams::create(runtime_->ring());
    if (!datagrams) {
      std::fprintf(stderr, "postern: delivery: cannot set up datagrams: %s\n", describe(datagrams.error()).c_str());
      return false;
    }
    datagrams_ = std::move(*datagrams);
    connector_.emplace(runtime_->streams());
    resolver_.emplace(dns::AresResolver::Network{*datagrams_, *connector_, runtime_->blocks(), random_},
                      config::make_resolver_settings(config_->main));
    needs_.emplace(language::ShardNeeds{
        .clock = runtime_->clock(), .offload = &disk_offload_, .connector = &*connector_, .resolver = &*resolver_});
    wait_.emplace(runtime_->ring());
    delivery_.emplace(DeliveryDeps{.files = *files_,
                                   .connector = *connector_,
                                   .blocks = runtime_->blocks(),
                                   .random = random_,
                                   .resolver = &*resolver_,
                                   .needs = &*needs_,
                                   .log = *log_,
                                   .config = config_,
                                   .doorbell = plan_.doorbell,
                                   .ingress_control = "/proc/self/fd/" + std::to_string(root) + "/ingress/control",
                                   .waiter = &*wait_,
                                   .user = plan_.user});
    reloading_.emplace(control::ReloadingDeps{.path = plan_.config_path,
                                              .running = config_->main,
                                              .user = *this,
                                              .loading = loading_,
                                              .log = *log_,
                                              .log_files = log_files_,
                                              .log_offload = log_offload_,
                                              .process = "delivery"});
    return true;
  }

  void open_disk(int root) {
    disk_.emplace(runtime_->ring(), disk_offload_, root);
    files_ = &*disk_;
    if (!plan_.disk_faults.any()) return;
    delays_.emplace(runtime_->ring());
    files_ = &faulty_disk_.emplace(*disk_, *delays_, plan_.disk_faults);
  }

  static Task<void> main(Body& body) {
    if (body.plan_.control_descriptor >= 0) {
      body.control_.emplace(body.runtime_->streams(), body.runtime_->blocks(), body.plan_.control_descriptor, body);
      body.control_->start();
    }
    shard::Loop& loop = body.runtime_->loop();
    loop.add(*body.delivery_);
    if (const auto started = co_await body.delivery_->start(); !started) {
      std::fprintf(stderr, "postern: delivery cannot start: %s\n", describe(started.error()).c_str());
      std::fflush(stderr);
      co_await body.log_->close();
      ::_exit(EX_OSERR);
    }
    body.start_line_.arrive(true);
    Gate reloads;
    reloads.start(body.reloading_->run(body.stop_));
    co_await body.delivery_->run(body.stop_);
    loop.remove(*body.delivery_);
    co_await reloads.close();
    co_await body.resolver_->close();
    if (body.control_) co_await body.control_->stop();
    body.control_.reset();
    co_await body.log_->close();
  }

  Task<std::string> answer(std::string line) override {
    if (line == "stats")
      co_return figures_json(delivery_->stats(), delivery_->journal_stats(), log_->stats(), reloading_->stats());
    if (line == "reload") co_return co_await reloading_->reload();
    co_return "unknown command; known: reload, stats\n";
  }

  // ConfigUser
  void prepare(std::shared_ptr<const config::Config> config) override { prepared_ = std::move(config); }
  Task<std::shared_ptr<const void>> take() override {
    if (stop_.stop_requested()) co_return nullptr;
    delivery_->use(prepared_);
    log_->set_style(control::log_style(prepared_->main, "delivery"));
    co_return std::exchange(config_, std::move(prepared_));
  }

  ProcessPlan& plan_;
  shard::StartLine& start_line_;
  std::shared_ptr<const config::Config> config_;  // in use
  log::LogFiles log_files_;
  shard::Offload log_offload_;
  shard::Offload disk_offload_;
  shard::Offload loading_;
  SystemRandom random_;
  std::unique_ptr<transport::Runtime> runtime_;
  std::optional<ring::UringFileSystem> disk_;
  std::optional<ring::RingDelays> delays_;
  std::optional<FaultyFileSystem> faulty_disk_;
  FileSystem* files_ = nullptr;  // one of the two disks
  std::optional<log::LogWriter> log_;
  std::unique_ptr<transport::UringDatagrams> datagrams_;
  std::optional<transport::UringConnector> connector_;
  std::optional<dns::AresResolver> resolver_;  // closed before it goes
  std::optional<language::ShardNeeds> needs_;
  std::optional<EventWait> wait_;
  std::optional<Delivery> delivery_;
  std::optional<control::Reloading> reloading_;
  std::shared_ptr<const config::Config> prepared_;  // between prepare() and take()
  std::optional<control::ControlServer> control_;
  StopSource stop_;
};

}  // namespace

Result<std::unique_ptr<ring::Ring>> make_ring() { return transport::Runtime::make_ring(kRuntimeOptions); }

int run_delivery(ProcessPlan plan) {
  shard::StartLine start_line(1);
  supervisor::WorkingThreads working(1);
  Body body(plan, start_line);
  const shard::ShardThread thread(std::nullopt, [&] {
    body.run();
    working.ended();
  });
  if (!start_line.wait_for_all()) return EX_OSERR;
  if (plan.on_ready) plan.on_ready();
  supervisor::wait_for_end(working, {.stop = [&] { body.stop(); }, .reload = [&] { body.reload(); }});
  return EX_OK;
}

}  // namespace postern::delivery
