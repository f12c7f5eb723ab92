// For tests: the whole delivery stage on a fake disk and a fake network, fed by a real spool writer.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/config/load.h"
#include "appliance/delivery/delivery.h"
#include "appliance/delivery/transports/testing.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/writer.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"
#include "engine/smtp/fake_server.h"
#include "policy/expand/file_source.h"
#include "tests/fakes/fake_connector.h"

namespace postern::delivery::testing {

class Lines final : public log::LogSink {
 public:
  void write(log::Stream stream, std::string_view line) override {
    (stream == log::Stream::panic ? panic : main).emplace_back(line);
  }
  // How many lines of the main log hold `text`.
  [[nodiscard]] std::size_t count(std::string_view text) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(main, [text](const std::string& line) { return line.find(text) != line.npos; }));
  }
  std::vector<std::string> main;
  std::vector<std::string> panic;
};

inline std::shared_ptr<const config::Config> config_from(const std::string& text) {
  expand::MemoryFileSource files;
  files.put("c", text);
  const config::LoadResult loaded = config::parse_config("c", files, {.hostname = "gw.example", .addresses = {}});
  if (!loaded.ok()) std::fprintf(stderr, "%s", config::format_diagnostics(loaded.diagnostics).c_str());
  POSTERN_CHECK(loaded.ok());
  return loaded.config;
}

// Everything goes to 192.0.2.1 but what is for box.example, which goes into a maildir.
inline constexpr const char* kSmartHost = R"(
primary_hostname = gw.example
qualify_domain = example
begin routers
box:
  driver = accept
  domains = box.example
  transport = mailbox
nowhere:
  driver = manualroute
  domains = nowhere.example
  transport = out
  route_list = other.example 192.0.2.9
  no_more
two:
  driver = manualroute
  domains = two.example
  transport = out
  route_list = * 192.0.2.2
smart:
  driver = manualroute
  transport = out
  route_list = * 192.0.2.1
begin transports
out:
  driver = smtp
mailbox:
  driver = appendfile
  directory = /mail/box
  maildir_format
begin retry
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";

// What is for box.example goes over a socket, three at a time, what is for each.example one by one; the rest to 192.0.2.1.
inline constexpr const char* kStoreBehindASocket = R"(
primary_hostname = gw.example
qualify_domain = example
begin routers
store:
  driver = accept
  domains = box.example
  transport = store
each:
  driver = accept
  domains = each.example
  transport = each
smart:
  driver = manualroute
  transport = out
  route_list = * 192.0.2.1
begin transports
store:
  driver = lmtp
  socket = /run/lmtp
  batch_max = 3
each:
  driver = lmtp
  socket = /run/lmtp
  envelope_to_add
out:
  driver = smtp
begin retry
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";

inline spool::WriterOptions small_segments(std::uint64_t bytes = 64 * 1024) {
  spool::WriterOptions options;
  options.segment_bytes = bytes;
  options.batch_bytes = 32 * 1024;
  options.register_buffers = false;
  return options;
}

// A disk, a network and a clock; lives of ingress and of delivery come and go on them.
class Stage final : public spool::DamageReporter {
 public:
  explicit Stage(const std::string& config = kSmartHost, std::uint64_t seed = 1) : random(seed), config_(config_from(config)) {
    run(make_root());
    bell_.emplace(spool::Doorbell::create(1).value());
  }
  ~Stage() {
    if (delivery_) stop_delivery();
    if (writer_) stop_ingress();
  }

  ManualScheduler scheduler;
  FakeFileSystem files;
  SeededRandom random;
  BlockPool blocks;
  smtp::testing::FakeConnector network;
  Lines log;
  DeliveryOptions options;
  spool::WriterOptions writer_options = small_segments();
  bool has_doorbell = true;
  const language::ShardNeeds* needs = nullptr;

  // ---- time ----
  void turn() {
    scheduler.run();
    if (writer_) writer_->flush();
    if (delivery_) delivery_->end_of_turn();
  }
  void settle() {
    for (int i = 0; i < 60; ++i) turn();
  }
  void advance_ms(std::int64_t ms) {
    for (std::int64_t i = 0; i < ms; i += 10) {
      settle_a_little();
      scheduler.advance_ms(10);
    }
    settle();
  }
  // Jumps: timers in between fire late.
  void skip_s(std::int64_t seconds) {
    settle();
    scheduler.clock().advance_ms(seconds * 1'000);
    advance_ms(2'500);
  }
  template <class T>
  T get(Task<T> task) {
    std::optional<T> result;
    Gate gate;
    gate.start(store(std::move(task), result));
    for (int i = 0; i < 400 && !result; ++i) advance_once();
    POSTERN_CHECK(result.has_value());
    return std::move(*result);
  }
  void run(Task<void> task) {
    Gate gate;
    gate.start(std::move(task));
    for (int i = 0; i < 4'000 && gate.inside() > 0; ++i) advance_once();
    POSTERN_CHECK(gate.inside() == 0);
  }

  // ---- ingress ----
  std::string ingress_directory = "ingress/00";
  [[nodiscard]] Result<void> start_ingress() {
    publisher_.reset(new spool::Publisher(bell_->publisher(0)));
    writer_ = std::make_unique<spool::SegmentWriter>(files, ingress_directory, writer_options, random, *this, &*publisher_);
    const Result<void> started = get(writer_->start());
    if (!started) writer_.reset();
    return started;
  }
  void stop_ingress() {
    run(writer_->stop());
    writer_.reset();
  }
  // Stores a message; true when it was acknowledged. `number` makes its id.
  bool accept(const MessageSpec& spec, std::uint32_t number) {
    const Result<spool::CommitReceipt> receipt = get(commit(spec, number));
    return receipt.has_value();
  }
  // Stores messages side by side, numbered from `first`; true when all were acknowledged.
  bool accept_all(const std::vector<MessageSpec>& specs, std::uint32_t first) {
    std::size_t stored = 0;
    Gate gate;
    for (const MessageSpec& spec : specs) gate.start(count_commit(spec, first++, stored));
    for (int i = 0; i < 4'000 && gate.inside() > 0; ++i) advance_once();
    return stored == specs.size();
  }
  static std::string id_of(std::uint32_t number) {
    return std::string(spool::MessageId({.seconds = 1'700'000'000, .shard = 0, .counter = number, .boot = 1}).view());
  }

  // ---- delivery ----
  [[nodiscard]] Result<void> start_delivery() {
    delivery_ = std::make_unique<Delivery>(DeliveryDeps{.files = files,
                                                        .connector = network,
                                                        .blocks = blocks,
                                                        .random = random,
                                                        .needs = needs,
                                                        .log = log,
                                                        .config = config_,
                                                        .doorbell = has_doorbell ? &*bell_ : nullptr,
                                                        .waiter = nullptr,
                                                        .user = "mail"},
                                           options);
    const Result<void> started = get(delivery_->start());
    if (!started) {
      delivery_.reset();
      return started;
    }
    stop_ = std::make_unique<StopSource>();
    running_ = std::make_unique<Gate>();
    running_->start(delivery_->run(*stop_));
    settle();
    return started;
  }
  void stop_delivery() {
    stop_->request_stop();
    for (int i = 0; i < 2'000 && running_->inside() > 0; ++i) advance_once();
    POSTERN_CHECK(running_->inside() == 0);
    delivery_.reset();
  }
  Delivery& delivery() { return *delivery_; }
  const DeliveryStats& stats() { return delivery_->stats(); }

  // ---- looking in ----
  std::vector<std::string> names_in(std::string directory) {
    std::vector<std::string> names;
    const auto entries = get(files.list(std::move(directory)));
    if (entries)
      for (const DirectoryEntry& entry : *entries)
        if (!entry.is_directory) names.push_back(entry.name);
    return names;
  }
  std::string content_of(const std::string& path) {
    const std::span<std::byte> bytes = files.bytes(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void on_damage(const spool::Damage&) override {}

 private:
  void settle_a_little() {
    for (int i = 0; i < 6; ++i) turn();
  }
  void advance_once() {
    settle_a_little();
    scheduler.advance_ms(1);
  }
  template <class T>
  static Task<void> store(Task<T> task, std::optional<T>& into) {
    into.emplace(co_await task);
  }
  Task<void> make_root() {
    for (const char* directory : {"ingress", "ingress/00", "/mail"})
      POSTERN_CHECK((co_await files.make_directory(directory, 0700)).has_value());
    POSTERN_CHECK((co_await files.sync_directory("")).has_value());
    POSTERN_CHECK((co_await files.sync_directory("ingress")).has_value());
  }
  Task<Result<spool::CommitReceipt>> commit(MessageSpec spec, std::uint32_t number) {
    Chain content;
    for (std::string_view rest = spec.content; !rest.empty();) {
      const std::string_view part = rest.substr(0, BlockPool::kLargest);
      content.append(copy_to_slice(blocks, part));
      rest.remove_prefix(part.size());
    }
    std::vector<spool::RecipientInput> recipients;
    for (std::size_t i = 0; i < spec.recipients.size(); ++i) {
      recipients.push_back({PeerView(spec.recipients[i]), {}});
      if (i < spec.recipient_attributes.size()) recipients.back().attributes = spec.recipient_attributes[i];
    }
    const spool::HeaderEdit edits[] = {{spool::HeaderPlace::at_start, spec.received}};
    spool::CommitInput input;
    input.id = spool::MessageId({.seconds = 1'700'000'000, .shard = 0, .counter = number, .boot = 1});
    input.received = scheduler.wall_now();
    input.sender = PeerView(spec.sender);
    input.attributes = spec.attributes;
    input.recipients = recipients;
    if (!spec.received.empty()) input.header_edits = edits;
    input.content = &content;
    const std::string name(input.id.view());
    if (!spec.side_file.empty()) {
      if (const Result<void> stored = co_await store_side_file(name, spec.side_file); !stored)
        co_return failure(stored.error());
      input.side_file = {name, spec.side_file.size(), crc32c(0, std::as_bytes(std::span(spec.side_file)))};
    }
    co_return co_await writer_->commit(input);
  }
  Task<Result<void>> store_side_file(std::string name, std::string bytes) {
    const std::string directory = spool::side_file_directory(ingress_directory);
    if (const Result<void> made = co_await files.make_directory(directory, 0700); !made) co_return made;
    if (const Result<void> synced = co_await files.sync_directory(ingress_directory); !synced) co_return synced;
    auto file = co_await files.open(spool::side_file_path(ingress_directory, name), {.mode = OpenMode::create_new});
    if (!file) co_return failure(file.error());
    const Result<std::size_t> written = co_await (*file)->write(std::as_bytes(std::span(bytes)), 0);
    if (!written) co_return failure(written.error());
    if (const Result<std::size_t> synced = co_await (*file)->sync(); !synced) co_return failure(synced.error());
    co_return co_await files.sync_directory(directory);
  }
  Task<void> count_commit(MessageSpec spec, std::uint32_t number, std::size_t& stored) {
    if (co_await commit(std::move(spec), number)) ++stored;
  }

  std::shared_ptr<const config::Config> config_;
  std::optional<spool::Doorbell> bell_;
  std::unique_ptr<spool::Publisher> publisher_;
  std::unique_ptr<spool::SegmentWriter> writer_;
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<StopSource> stop_;
  std::unique_ptr<Gate> running_;
};

}  // namespace postern::delivery::testing
