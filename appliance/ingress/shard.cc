#include "appliance/ingress/shard.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "appliance/ingress/connection.h"
#include "appliance/ingress/log_lines.h"
#include "appliance/ingress/spool_sink.h"
#include "appliance/spool/message_ids.h"
#include "appliance/spool/recovery.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/side_file_sweep.h"
#include "appliance/spool/space.h"
#include "appliance/spool/writer.h"
#include "engine/buffer/message_buffer.h"
#include "engine/coro/gate.h"
#include "engine/io/faulty_file_system.h"
#include "engine/ring/ring_delays.h"
#include "engine/ring/uring_file_system.h"
#include "engine/smtp/session.h"
#include "net/proxy/read_header.h"
#include "net/tls/client.h"
#include "net/transport/listener.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"

namespace postern::ingress {
namespace {

// docs/limits.md lists these.
constexpr std::size_t kMessageMemoryBytesMax = 256UL << 20;
constexpr std::int64_t kSpaceLookMs = 1'000;
constexpr std::int64_t kTidyMs = 60'000;
constexpr std::int64_t kSaveRatesMs = 10'000;
constexpr std::int64_t kRetireLookMs = 1'000;
constexpr std::int64_t kRefusalWriteMs = 5'000;

// A segment lasts long enough for the next one to be made ready beside it, and a small one keeps the start quick.
std::uint64_t segment_bytes(std::uint64_t preallocate_bytes) {
  constexpr std::uint64_t kSmallest = 16ULL << 20;
  constexpr std::uint64_t kLargest = 256ULL << 20;
  return std::clamp(std::bit_floor(std::max(preallocate_bytes / 2, std::uint64_t{1})), kSmallest, kLargest);
}

std::string shard_directory(ShardId id) {
  std::array<char, 24> name{};
  std::snprintf(name.data(), name.size(), "ingress/%02u", id.value());
  return name.data();
}

std::string_view admission_reply(Admission admission) {
  return admission == Admission::too_many_from_host
             ? "421 Too many concurrent SMTP connections from this IP address; please try again later.\r\n"
             : "421 Too many concurrent SMTP connections; please try again later.\r\n";
}

void complain(const ShardPlan& plan, std::string_view what, const Error& error) {
  std::fprintf(stderr, "postern: spool %s, shard %u: %.*s: %s\n", plan.spool_path.c_str(), plan.id.value(),
               static_cast<int>(what.size()), what.data(), describe(error).c_str());
}

}  // namespace

// All that lives on the shard's thread, made and destroyed there.
class IngressShard::Body final : public transport::ConnectionHandler, public spool::DamageReporter {
 public:
  explicit Body(ShardPlan& plan) : plan_(plan) {}

  // What can fail before the loop runs. Says why on standard error.
  [[nodiscard]] bool set_up();
  void run() { runtime_->loop().run(main(*this)); }

  // From other threads.
  void open() {
    runtime_->post([this] { open_.set(); });
  }
  void stop() {
    runtime_->post([this] { begin_stop(); });
  }
  void post(std::function<void()> what) { runtime_->post(std::move(what)); }

  // On the shard's thread.
  void use(const std::shared_ptr<const IngressPolicy>& policy) {
    auto language =
        std::make_shared<language::ShardLanguage>(policy->language, language::ShardNeeds{.clock = runtime_->clock(),
                                                                                         .offload = &plan_.disk_offload,
                                                                                         .connector = &*connector_,
                                                                                         .resolver = &*resolver_,
                                                                                         .has_message_text = true,
                                                                                         .programs = &plan_.program_offload});
    auto next = std::make_shared<const InUse>(InUse{policy, std::move(language)});
    if (auto former = std::exchange(services_->configuration, std::move(next)))
      background_.start(retire(*this, std::move(former)));
    log_->set_style(policy->log_style);
  }
  [[nodiscard]] control::Reloading& reloading() noexcept { return *reloading_; }
  [[nodiscard]] ShardFigures figures() const noexcept {
    return {&stats_, &writer_->stats(), &side_files_->stats(), &log_->stats(), &runtime_->ring().stats(), &resolver_->stats(),
            pools()};
  }

 private:
  [[nodiscard]] ShardPools pools() const noexcept {
    const transport::RuntimeOptions receive;
    return {.small_receive = std::uint64_t{receive.small_buffers} * transport::Runtime::kSmallBufferBytes,
            .large_receive = std::uint64_t{receive.large_buffers} * transport::Runtime::kLargeBufferBytes,
            .commit_batches = 2 * spool::WriterOptions().batch_bytes,
            .log_ring = log::LogWriter::kRingBytes};
  }
  void open_disk(int root);
  void begin_stop();
  void on_damage(const spool::Damage& damage) override;

  static Task<void> main(Body& body);
  [[nodiscard]] Task<Result<void>> start_spool();
  [[nodiscard]] Task<Result<void>> recover_orphans();
  void report_recovery(const std::string& directory, const spool::RecoveryReport& report);
  void make_writer(bool first_try);
  [[nodiscard]] Task<Result<void>> list_side_files(std::string directory);
  static Task<void> sweep(Body& body);
  [[nodiscard]] Task<void> open_spool();
  static Task<void> retry_spool(Body& body);
  [[nodiscard]] Task<void> look_at_space();
  static Task<void> watch_space(Body& body);
  static Task<void> tidy(Body& body);
  static Task<void> keep_rates(Body& body);
  static Task<void> hurry_later(Body& body);
  [[nodiscard]] Task<void> save_rates();
  void start_listening();
  [[nodiscard]] Task<void> finish();

  void on_connection(std::unique_ptr<Stream> stream) override;
  static Task<void> retire(Body& body, std::shared_ptr<const InUse> former);
  void log_refusal(const IpAddress& client, Admission admission);
  // `counted` is whom the connection is counted for. A connection goes by one configuration from its first byte to its end.
  static Task<void> serve(Body& body, std::unique_ptr<Stream> stream, std::shared_ptr<const InUse> configuration,
                          std::unique_ptr<const Proxied> proxied, IpAddress counted);
  static Task<void> serve_proxied(Body& body, std::unique_ptr<Stream> stream, std::shared_ptr<const InUse> configuration);
  [[nodiscard]] Task<void> read_proxy_header(Stream& stream, std::int64_t timeout_ms, Proxied& proxied);
  static Task<void> refuse(Body& body, std::unique_ptr<Stream> stream, IpAddress client, Admission admission);

  ShardPlan& plan_;
  SystemRandom random_;
  std::unique_ptr<transport::Runtime> runtime_;
  MemoryBudget memory_{kMessageMemoryBytesMax};
  std::optional<ring::UringFileSystem> disk_;
  std::optional<ring::RingDelays> delays_;
  std::optional<FaultyFileSystem> faulty_disk_;
  FileSystem* files_ = nullptr;  // one of the two disks
  std::optional<spool::SegmentWriter> writer_;
  std::optional<spool::MessageIds> ids_;
  std::optional<spool::SideFiles> side_files_;
  std::map<std::string, std::vector<std::string>> left_side_files_;  // by directory: found at the start
  std::optional<spool::SpaceWatch> space_;
  std::optional<log::LogWriter> log_;
  std::unique_ptr<transport::UringDatagrams> datagrams_;
  std::optional<transport::UringConnector> connector_;
  std::optional<dns::AresResolver> resolver_;  // closed before it goes
  std::unique_ptr<tls::Client> callout_tls_;
  std::optional<routing::Callouts> callouts_;
  std::optional<RateKeeper> rates_;
  std::optional<SpoolArrivals> arrivals_;
  std::optional<ConnectionServices> services_;
  std::vector<std::unique_ptr<transport::Listener>> listeners_;
  std::optional<control::Reloading> reloading_;
  std::optional<control::ControlServer> control_;
  IngressStats stats_;
  bool rates_are_unsaved_ = false;

  Event open_;     // the start line was crossed, or stop
  Event stopped_;  // stop was asked for
  StopSource draining_;
  StopSource stopping_;
  StopSource hurrying_;
  Gate sessions_;
  Gate background_;
  bool spool_is_open_ = false;
};

bool IngressShard::Body::set_up() {
  auto runtime = transport::Runtime::create({.connections_max = plan_.limits.connections_max()}, std::move(plan_.ring));
  if (!runtime) {
    complain(plan_, "cannot set up io_uring", runtime.error());
    return false;
  }
  runtime_ = std::move(*runtime);
  auto datagrams = transport::UringDatagrams::create(runtime_->ring());
  if (!datagrams) {
    complain(plan_, "cannot set up datagrams", datagrams.error());
    return false;
  }
  datagrams_ = std::move(*datagrams);
  connector_.emplace(runtime_->streams());

  const int root = ::fcntl(plan_.spool_descriptor, F_DUPFD_CLOEXEC, 0);
  if (root < 0) {
    complain(plan_, "cannot open", error_from_errno(errno, "spool directory"));
    return false;
  }
  open_disk(root);
  log_.emplace(plan_.log_files, plan_.log_offload, runtime_->clock());
  if (plan_.disk_faults.any())
    for (const log::Stream stream : {log::Stream::main, log::Stream::panic}) log_->write(stream, describe(plan_.disk_faults));
  make_writer(true);
  side_files_.emplace(*files_, shard_directory(plan_.id));
  space_.emplace(spool::SpaceLimits{plan_.check_spool_space, plan_.check_spool_inodes, plan_.shards});
  dns::ResolverSettings settings = plan_.policy->resolver;
  settings.again_means_nonexist = [this](std::string_view name) {
    return services_->configuration->policy->resolver.again_means_nonexist(name);  // of the policy in use by then
  };
  resolver_.emplace(dns::AresResolver::Network{*datagrams_, *connector_, runtime_->blocks(), random_}, std::move(settings));
  arrivals_.emplace(SpoolServices{*writer_, *side_files_, *ids_, *space_, runtime_->blocks(), memory_, stats_.copied_bytes});
  services_.emplace(ConnectionServices{nullptr, *arrivals_, *log_, *resolver_, stats_, random_});
  auto tls = tls::Client::create({.verify_certificates = ""});
  if (!tls) {
    complain(plan_, "cannot set up TLS", tls.error());
    return false;
  }
  callout_tls_ = std::move(*tls);
  callouts_.emplace(*connector_, runtime_->blocks(), plan_.policy->callout_times, *callout_tls_);
  services_->callouts = &*callouts_;
  services_->hurry = &hurrying_;
  rates_.emplace(plan_.rates, plan_.id.value(), *runtime_);
  services_->rates = &*rates_;
  services_->limits = &plan_.limits;
  services_->id_prefix = std::to_string(runtime_->clock().wall_now().seconds()) + "-" + std::to_string(plan_.id.value()) + "-";
  use(std::exchange(plan_.policy, nullptr));
  if (const ReloadPlan* plan = plan_.reload)
    reloading_.emplace(control::ReloadingDeps{.path = plan->path,
                                              .running = plan->running,
                                              .user = plan->user,
                                              .loading = plan->loading,
                                              .log = *log_,
                                              .log_files = plan_.log_files,
                                              .log_offload = plan_.log_offload,
                                              .process = "ingress"});
  return true;
}

void IngressShard::Body::open_disk(int root) {
  disk_.emplace(runtime_->ring(), plan_.disk_offload, root);
  files_ = &*disk_;
  if (!plan_.disk_faults.any()) return;
  delays_.emplace(runtime_->ring());
  files_ = &faulty_disk_.emplace(*disk_, *delays_, plan_.disk_faults);
}

void IngressShard::Body::begin_stop() {
  if (stopped_.is_set()) return;
  stopped_.set();
  open_.set();
  draining_.request_stop();
  background_.start(hurry_later(*this));
}

// Transactions that are open at the end have their grace; then what ACLs still ask is not waited for.
Task<void> IngressShard::Body::hurry_later(Body& body) {
  const Instant end = body.runtime_->loop().now().plus_ms(body.services_->configuration->policy->limits.shutdown_grace_ms);
  static_cast<void>(co_await sleep_until(end, &body.stopping_));
  body.hurrying_.request_stop();
}

void IngressShard::Body::on_damage(const spool::Damage& damage) {
  std::string line = "spool damage: ";
  line += damage.path;
  line += ": " + std::string(spool::to_string(damage.kind)) + " at offset " + std::to_string(damage.offset) + ", " +
          std::to_string(damage.bytes) + " bytes could not be read";
  log_->write(log::Stream::main, line);
  log_->write(log::Stream::panic, line);
}

void IngressShard::Body::report_recovery(const std::string& directory, const spool::RecoveryReport& report) {
  if (report.sealed == 0 && report.damaged_bytes == 0 && report.unreadable == 0) return;
  log_->write(log::Stream::main, "spool recovery: " + directory + ": " + std::to_string(report.sealed) + " segments sealed, " +
                                     std::to_string(report.records) + " messages found, " +
                                     std::to_string(report.unconfirmed_records) +
                                     " of them possibly not answered (duplicates are possible), " +
                                     std::to_string(report.damaged_bytes) + " bytes damaged");
}

void IngressShard::Body::make_writer(bool first_try) {
  const std::string directory = shard_directory(plan_.id);
  const spool::WriterOptions options{.shard = plan_.id,
                                     .segment_bytes = segment_bytes(plan_.preallocate_bytes),
                                     .preallocate_bytes = plan_.preallocate_bytes,
                                     .register_buffers = first_try};  // the ring takes only one set
  writer_.emplace(*files_, directory, options, random_, *this, plan_.doorbell);
  ids_.emplace(*files_, directory, plan_.id);
}

Task<Result<void>> IngressShard::Body::start_spool() {
  if (auto started = co_await writer_->start(); !started) {
    const spool::RecoveryReport& report = writer_->recovery();
    if (started.error().code == Errc::unsupported && !report.refused_path.empty())
      std::fprintf(
          stderr,
          "postern: %s/%s has spool format version %u, which this version cannot read: run the version that wrote it, or a "
          "newer one\n",
          plan_.spool_path.c_str(), report.refused_path.c_str(), report.refused_version);
    co_return started;
  }
  report_recovery(shard_directory(plan_.id), writer_->recovery());
  const Result<void> numbered = co_await ids_->start();
  if (!numbered) {
    co_await writer_->stop();
    co_return numbered;
  }
  const Result<void> listed = co_await list_side_files(shard_directory(plan_.id));
  if (!listed) complain(plan_, "cannot list large messages", listed.error());
  co_return Result<void>{};
}

Task<Result<void>> IngressShard::Body::list_side_files(std::string directory) {
  auto names = co_await spool::list_side_files(*files_, directory);
  if (!names) co_return failure(names.error());
  left_side_files_[std::move(directory)] = std::move(*names);
  co_return Result<void>{};
}

// Removes what an earlier life left of messages that it never took.
Task<void> IngressShard::Body::sweep(Body& body) {
  for (auto& [directory, names] : body.left_side_files_) {
    const auto removed = co_await spool::sweep_side_files(*body.files_, directory, std::move(names), body.stopping_);
    if (!removed)
      body.log_->write(log::Stream::main, "spool: files of large messages in " + directory +
                                              " that belong to none may be left: " + describe(removed.error()));
    else if (*removed > 0)
      body.log_->write(log::Stream::main, "spool: " + std::to_string(*removed) +
                                              " files of large messages that were never taken removed from " + directory);
  }
  body.left_side_files_.clear();
}

// Directories of shards that no longer exist (fewer CPUs than last time) hold mail that was answered 250.
Task<Result<void>> IngressShard::Body::recover_orphans() {
  auto entries = co_await files_->list("ingress");
  if (!entries) co_return failure(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    const bool numbered = entry.is_directory && entry.name.find_first_not_of("0123456789") == std::string::npos;
    if (!numbered || std::stoul(entry.name) < plan_.shards) continue;
    spool::RecoveryReport report;
    const std::string directory = "ingress/" + entry.name;
    if (auto recovered = co_await spool::recover_directory(*files_, directory, *this, report); !recovered) co_return recovered;
    report_recovery(directory, report);
    if (const Result<void> listed = co_await list_side_files(directory); !listed) co_return listed;
  }
  co_return Result<void>{};
}

Task<void> IngressShard::Body::look_at_space() {
  const auto info = co_await files_->space("ingress");
  stats_.pinned_bytes.set(memory_.used());
  stats_.blocks_used_bytes.set(runtime_->blocks().used_bytes());
  stats_.blocks_spare_bytes.set(runtime_->blocks().spare_bytes());
  if (!info) co_return;
  const bool was_low = space_->low();
  // What the file system has, not what of it is ours already: all shards then say the same, and delivery and logs need room
  // too.
  space_->update(*info, 0);
  const bool low = space_->low();
  stats_.low_space.set(low ? 1 : 0);
  if (low == was_low || !spool_is_open_) co_return;
  log_->write(log::Stream::main, low ? "spool space is low: new messages are refused for now (check_spool_space)"
                                     : "spool space is sufficient again");
}

Task<void> IngressShard::Body::watch_space(Body& body) {
  while (co_await sleep_until(body.runtime_->loop().now().plus_ms(kSpaceLookMs), &body.stopping_))
    co_await body.look_at_space();
}

Task<void> IngressShard::Body::tidy(Body& body) {
  while (co_await sleep_until(body.runtime_->loop().now().plus_ms(kTidyMs), &body.stopping_)) co_await body.writer_->tidy();
}

// What a crash takes from the rates is no more than that.
Task<void> IngressShard::Body::keep_rates(Body& body) {
  while (co_await sleep_until(body.runtime_->loop().now().plus_ms(kSaveRatesMs), &body.stopping_)) co_await body.save_rates();
}

Task<void> IngressShard::Body::save_rates() {
  const Result<void> saved = co_await rates_->save(*files_);
  if (!saved && !rates_are_unsaved_) log_->write(log::Stream::main, "cannot save rates: " + describe(saved.error()));
  rates_are_unsaved_ = !saved;
}

Task<void> IngressShard::Body::main(Body& body) {
  Result<void> started = co_await body.start_spool();
  if (started && body.plan_.recovers_orphans) started = co_await body.recover_orphans();
  if (!started && started.error().code != Errc::disk_full) {
    complain(body.plan_, "cannot start", started.error());
    body.plan_.start_line.arrive(false);
    co_await body.log_->close();
    // Nothing was promised yet: what was begun is found and sealed by the next start.
    std::fflush(stderr);
    ::_exit(EX_OSERR);
  }
  if (started) {
    co_await body.open_spool();
  } else {
    complain(body.plan_, "starting without a spool to write to; messages are refused for now", started.error());
    body.background_.start(retry_spool(body));
  }
  if (const Result<void> loaded = co_await body.rates_->load(*body.files_); !loaded)
    body.log_->write(log::Stream::main, "rates of an earlier life are lost in part: " + describe(loaded.error()));
  body.background_.start(keep_rates(body));
  body.plan_.start_line.arrive(true);
  static_cast<void>(co_await body.open_.wait());
  if (!body.stopped_.is_set()) body.start_listening();
  static_cast<void>(co_await body.stopped_.wait());
  co_await body.finish();
}

// From here on messages can be stored.
Task<void> IngressShard::Body::open_spool() {
  runtime_->loop().add(*writer_);
  co_await look_at_space();
  spool_is_open_ = true;
  background_.start(watch_space(*this));
  background_.start(tidy(*this));
  background_.start(sweep(*this));
}

// The disk was full when we started. Clients are told so (the space watch says low until it has looked), and as soon as there
// is room the spool opens.
Task<void> IngressShard::Body::retry_spool(Body& body) {
  body.stats_.low_space.set(1);
  while (co_await sleep_until(body.runtime_->loop().now().plus_ms(kSpaceLookMs), &body.stopping_)) {
    body.make_writer(false);
    if (!co_await body.start_spool()) continue;
    if (body.plan_.recovers_orphans && !co_await body.recover_orphans()) {
      co_await body.writer_->stop();
      continue;
    }
    co_await body.open_spool();
    body.log_->write(log::Stream::main, "spool space is sufficient: messages are taken");
    co_return;
  }
}

void IngressShard::Body::start_listening() {
  if (reloading_) background_.start(reloading_->run(stopping_));
  if (plan_.control_descriptor >= 0) {
    control_.emplace(runtime_->streams(), runtime_->blocks(), plan_.control_descriptor, *plan_.control);
    control_->start();
  }
  for (const ListenSocket& socket : plan_.listeners) {
    listeners_.push_back(std::make_unique<transport::Listener>(runtime_->streams(), socket.descriptor, socket.address, *this));
    listeners_.back()->start();
  }
}

Task<void> IngressShard::Body::finish() {
  for (const auto& listener : listeners_) co_await listener->stop();
  co_await sessions_.close();
  if (control_) co_await control_->stop();
  co_await rates_->leave();
  stopping_.request_stop();
  co_await background_.close();
  co_await services_->configuration->language->close();
  co_await resolver_->close();
  co_await save_rates();
  if (spool_is_open_) {
    co_await writer_->stop();
    runtime_->loop().remove(*writer_);
    co_await ids_->stop();
  }
  co_await log_->close();
  listeners_.clear();
  control_.reset();
}

// What its texts hold open goes when the last connection that goes by it has ended.
Task<void> IngressShard::Body::retire(Body& body, std::shared_ptr<const InUse> former) {
  while (former.use_count() > 1 && co_await sleep_until(body.runtime_->loop().now().plus_ms(kRetireLookMs), &body.stopping_)) {}
  co_await former->language->close();
}

void IngressShard::Body::on_connection(std::unique_ptr<Stream> stream) {
  stats_.connections.add();
  const auto& configuration = services_->configuration;
  const IngressPolicy* const policy = configuration->policy.get();
  const IpAddress peer = stream->endpoints().peer.address;
  const bool proxied = policy->clients.proxies.matches(peer);
  const bool identified = !proxied || policy->counts_proxies;
  const Admission admission =
      identified ? plan_.limits.admit(peer, policy->connections_per_host_max) : plan_.limits.admit_unidentified();
  if (admission != Admission::admitted)
    sessions_.start(refuse(*this, std::move(stream), peer, admission));
  else if (proxied)
    sessions_.start(serve_proxied(*this, std::move(stream), configuration));
  else
    sessions_.start(serve(*this, std::move(stream), configuration, nullptr, peer));
}

Task<void> IngressShard::Body::read_proxy_header(Stream& stream, std::int64_t timeout_ms, Proxied& proxied) {
  proxied.proxy = stream.endpoints().peer;
  const Wait wait{runtime_->loop().now().plus_ms(timeout_ms), &draining_};
  proxied.negotiated =
      co_await proxy::read_header(stream, runtime_->blocks(), wait, proxied.header) == proxy::ReadOutcome::read;
  if (!proxied.negotiated) stats_.refused(Refusal::proxy_header);
}

Task<void> IngressShard::Body::serve_proxied(Body& body, std::unique_ptr<Stream> stream,
                                             std::shared_ptr<const InUse> configuration) {
  const IngressPolicy* const policy = configuration->policy.get();
  auto proxied = std::make_unique<Proxied>();
  co_await body.read_proxy_header(*stream, policy->proxy_header_timeout_ms, *proxied);
  const IpAddress client = proxied->client().address;
  if (policy->counts_proxies) {
    const IpAddress peer = proxied->proxy.address;
    co_return co_await serve(body, std::move(stream), std::move(configuration), std::move(proxied), peer);
  }
  // A failed negotiation tells nothing of clients: it is not held against anybody.
  const std::uint32_t per_host_max = proxied->negotiated ? policy->connections_per_host_max : 0;
  if (const Admission admission = body.plan_.limits.identify(client, per_host_max); admission != Admission::admitted) {
    body.plan_.limits.release_unidentified();
    co_return co_await refuse(body, std::move(stream), client, admission);
  }
  co_await serve(body, std::move(stream), std::move(configuration), std::move(proxied), client);
}

Task<void> IngressShard::Body::serve(Body& body, std::unique_ptr<Stream> stream, std::shared_ptr<const InUse> configuration,
                                     std::unique_ptr<const Proxied> proxied, IpAddress counted) {
  body.stats_.connections_open.add();
  {
    Connection connection(*body.services_, std::move(configuration), std::move(proxied));
    smtp::SessionOptions options;
    options.limits = &connection.policy().limits;
    smtp::Session session({body.runtime_->blocks(), body.draining_, body.stopping_}, std::move(stream), connection, options);
    co_await session.run();
  }
  body.stats_.connections_open.subtract();
  body.plan_.limits.release(counted);
}

void IngressShard::Body::log_refusal(const IpAddress& client, Admission admission) {
  log::LogLine& line = services_->line;
  line.clear();
  line.event = "connection_refused";
  append_refused_connection(
      line.text, client,
      admission == Admission::too_many_from_host ? "too many connections from that IP address" : "too many connections");
  log_->write_line(log::Stream::main, line);
}

Task<void> IngressShard::Body::refuse(Body& body, std::unique_ptr<Stream> stream, IpAddress client, Admission admission) {
  body.stats_.refused(admission == Admission::too_many_from_host ? Refusal::too_many_from_host : Refusal::too_many_connections);
  if (body.services_->configuration->policy->log_selector.has(config::LogSelector::connection_reject))
    body.log_refusal(client, admission);
  const Wait soon{body.runtime_->loop().now().plus_ms(kRefusalWriteMs), &body.stopping_};
  if (co_await stream->write(Chain(Slice::literal(admission_reply(admission))), soon))
    static_cast<void>(co_await stream->drain(soon));
  co_await stream->close();
}

Result<std::unique_ptr<ring::Ring>> make_ring(std::uint32_t connections_max) {
  return transport::Runtime::make_ring({.connections_max = connections_max});
}

IngressShard::IngressShard(ShardPlan plan) : plan_(std::move(plan)) {}

IngressShard::~IngressShard() = default;

void IngressShard::run() {
  Body body(plan_);
  if (!body.set_up()) {
    plan_.start_line.arrive(false);
    return;
  }
  body_ = &body;
  body.run();
}

void IngressShard::open() { body_->open(); }
void IngressShard::stop() { body_->stop(); }
void IngressShard::post(std::function<void()> what) { body_->post(std::move(what)); }
void IngressShard::use(const std::shared_ptr<const IngressPolicy>& policy) { body_->use(policy); }
control::Reloading& IngressShard::reloading() noexcept { return body_->reloading(); }
ShardFigures IngressShard::figures() const noexcept { return body_->figures(); }

}  // namespace postern::ingress
