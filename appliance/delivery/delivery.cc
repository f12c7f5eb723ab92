#include "appliance/delivery/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

constexpr const char* kDirectory = "delivery";
constexpr const char* kStoreDirectory = "delivery/store";
constexpr const char* kIngressDirectory = "ingress";

constexpr std::int64_t kTickMs = 1'000;
constexpr std::uint64_t kFindDirectoriesTicks = 10;
constexpr std::uint64_t kTidyTicks = 60;
constexpr std::uint64_t kAgeTicks = 5;
constexpr std::uint64_t kAgeTicksLong = 60;  // while there is much to look at
constexpr std::size_t kMuchQueued = 100'000;
constexpr std::size_t kUnparkAtOnce = 8;         // for each that leaves a queue
constexpr std::int64_t kSameTroubleMs = 60'000;  // one directory's trouble is logged that often
constexpr std::uint32_t kOddEndWaitS = 60;
constexpr std::int64_t kRemoveWaitMs = 5'000;

std::uint32_t wall_s() { return static_cast<std::uint32_t>(Scheduler::current().wall_now().seconds()); }

std::optional<std::uint16_t> shard_number(const DirectoryEntry& entry) {
  std::uint16_t number = 0;
  const char* const end = entry.name.data() + entry.name.size();
  const auto parsed = std::from_chars(entry.name.data(), end, number);
  const bool is_number = entry.is_directory && parsed.ec == std::errc() && parsed.ptr == end;
  return is_number ? std::optional(number) : std::nullopt;
}

}  // namespace

Delivery::Delivery(DeliveryDeps deps, DeliveryOptions options)
    : deps_(std::move(deps)),
      options_(options),
      journal_(deps_.files, kDirectory, ledger_, deps_.random, *this, options_.journal),
      store_(deps_.files, kStoreDirectory, deps_.random, *this),
      compactor_({.files = deps_.files,
                  .ledger = ledger_,
                  .journal = journal_,
                  .store = store_,
                  .pool = read_pool_,
                  .damage = *this,
                  .side_files = *this,
                  .copied = stats_.copied},
                 options_.compaction),
      asked_(deps_.connector, deps_.blocks, deps_.ingress_control),
      hosts_(deps_.config->retry, deps_.config->main.retry_interval_max_s, deps_.random),
      destinations_(options_.destinations, *this),
      context_{.log = deps_.log,
               .ledger = ledger_,
               .journal = journal_,
               .store = store_,
               .files = deps_.files,
               .destinations = destinations_,
               .hosts = hosts_,
               .records = *this,
               .read_pool = read_pool_,
               .record_bytes_tight = options_.record_bytes_max / 2,
               .random = deps_.random,
               .resolver = deps_.resolver,
               .stats = stats_,
               .stop = cut_,
               .user = deps_.user},
      setup_(make_setup(std::exchange(deps_.config, nullptr))) {}

Delivery::~Delivery() = default;

std::shared_ptr<Setup> Delivery::make_setup(std::shared_ptr<const config::Config> config) {
  auto setup = std::make_shared<Setup>(std::move(config));
  if (deps_.needs != nullptr)
    setup->language = std::make_unique<language::ShardLanguage>(setup->config->language, *deps_.needs);
  for (const config::Transport& transport : setup->config->transports) {
    TransportInstance instance{.transport = &transport, .smtp = nullptr, .maildir = nullptr};
    if (std::holds_alternative<config::SmtpTransport>(transport.driver))
      instance.smtp = std::make_unique<SmtpTransport>(transport, SmtpTransportDeps{.connector = deps_.connector,
                                                                                   .pool = deps_.blocks,
                                                                                   .hosts = hosts_,
                                                                                   .random = deps_.random,
                                                                                   .connections = stats_.connections,
                                                                                   .connections_made = stats_.connections_made,
                                                                                   .idle_ms = options_.connection_idle_ms});
    else
      instance.maildir = std::make_unique<MaildirTransport>(deps_.files, transport, setup->config->main.primary_hostname);
    setup->transports.push_back(std::move(instance));
  }
  return setup;
}

// ---- another configuration ----

void Delivery::use(std::shared_ptr<const config::Config> config) {
  hosts_.use(config->retry, config->main.retry_interval_max_s);
  earlier_setups_.push_back(std::exchange(setup_, make_setup(std::move(config))));
  close_unused_setups();
}

// Where no round holds one, none can come to hold it any more.
void Delivery::close_unused_setups() {
  for (std::shared_ptr<Setup>& setup : earlier_setups_)
    if (setup.use_count() == 1) background_.start(close_setup(std::exchange(setup, nullptr)));
  std::erase(earlier_setups_, nullptr);
}

Task<void> Delivery::close_setup(std::shared_ptr<Setup> setup) {
  for (TransportInstance& instance : setup->transports)
    if (instance.smtp) co_await instance.smtp->close();
  if (setup->language) co_await setup->language->close();
}

// ---- start ----

Task<Result<void>> Delivery::start() {
  for (const char* directory : {kDirectory, kStoreDirectory}) {
    const Result<void> made = co_await deps_.files.make_directory(directory, 0700);
    if (!made) co_return made;
  }
  const Result<void> synced = co_await deps_.files.sync_directory(kDirectory);
  if (!synced) co_return synced;
  const Result<JournalDamage> journal = co_await journal_.start();
  if (!journal) co_return failure(journal.error());
  if (journal->unreadable_bytes > 0)
    deps_.log.write(log::Stream::panic, fmt::format("delivery's journal: {} bytes could not be read; mail may be sent twice",
                                                    journal->unreadable_bytes));
  const Result<void> store = co_await store_.start();
  if (!store) {
    co_await journal_.stop();
    co_return store;
  }
  TailOptions own_options = options_.tail;
  own_options.poll_ms = own_options.list_ms;  // it is poked
  own_options.has_copies = true;
  TailDeps own_deps = tail_deps();
  own_deps.is_copying = &compactor_.is_copying();
  add_tail(own_deps, store_.directory(), store_.subscriber(), own_options);
  own_tail_ = tails_.back().get();
  const Result<void> found = co_await find_directories();
  if (!found) on_trouble(kIngressDirectory, found.error());  // looked for again while running
  co_return Result<void>{};
}

TailDeps Delivery::tail_deps() {
  return {.files = deps_.files, .ledger = ledger_, .journal = journal_, .pool = read_pool_, .damage = *this, .sink = *this};
}

void Delivery::add_tail(TailDeps deps, std::string directory, std::optional<spool::Subscriber> doorbell, TailOptions options) {
  tails_.push_back(std::make_unique<DirectoryTail>(deps, std::move(directory), doorbell, options));
}

// One for each shard of ingress, also those that no longer exist.
Task<Result<void>> Delivery::find_directories() {
  const Result<std::vector<DirectoryEntry>> entries = co_await deps_.files.list(kIngressDirectory);
  if (!entries && entries.error().code == Errc::not_found) co_return Result<void>{};
  if (!entries) co_return failure(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    const std::optional<std::uint16_t> shard = shard_number(entry);
    const std::string directory = std::string(kIngressDirectory) + "/" + entry.name;
    if (!shard || std::ranges::any_of(tails_, [&](const auto& tail) { return tail->directory() == directory; })) continue;
    const bool has_slot = deps_.doorbell != nullptr && *shard < deps_.doorbell->slots();
    TailOptions options = options_.tail;
    options.removes_free_files = deps_.doorbell != nullptr && !has_slot;
    TailDeps deps = tail_deps();
    deps.waiter = deps_.waiter;
    deps.asked = &asked_.of(ShardId(*shard));
    add_tail(deps, directory, has_slot ? std::optional(deps_.doorbell->subscriber(*shard)) : std::nullopt, options);
    if (rounds_.closed() || !may_pump_) continue;
    background_.start(tails_.back()->run(stop_tails_));
  }
  co_return Result<void>{};
}

// ---- from the tails to the rounds ----

bool Delivery::has_room() const {
  const bool has = ledger_.queued() < options_.queued_max && schedule_.fresh() < options_.fresh_max &&
                   parked_count_ < options_.parked_max && read_pool_.used_bytes() < options_.record_bytes_max;
  if (!has) tails_wait_ = true;
  return has;
}

void Delivery::poke_tails() {
  if (!tails_wait_ || !has_room()) return;
  tails_wait_ = false;
  for (const auto& tail : tails_) tail->poke();
}

void Delivery::on_message(QueuedMessage& message, std::optional<spool::Record> record) {
  if (record) stats_.messages.add();
  if (message.times.has_failed())
    schedule_.add_due(message, message.times.next_try_s);
  else
    schedule_.add_fresh(message, std::move(record));
}

// Begins as many rounds as may be. Cheap when there is nothing to do: it is called at the end of every turn.
void Delivery::pump() {
  if (!may_pump_ || stopping_) return;
  const std::uint32_t now = wall_s();
  while (rounds_.inside() < options_.rounds_max) {
    std::optional<Schedule::Next> next = schedule_.take(now);
    if (!next) break;
    if (next->message->is_copied) {  // in a moment it is elsewhere
      schedule_.add_due(*next->message, now + 1);
      continue;
    }
    rounds_.start(run_round(std::move(*next)));
  }
  poke_tails();
}

void Delivery::end_of_turn() {
  pump();
  store_.end_of_turn();
  journal_.end_of_turn();
}

Task<void> Delivery::run_round(Schedule::Next next) {
  QueuedMessage* const message = next.message;
  const spool::SegmentKey segment = message->key.segment;
  Round round(context_, setup_, *message, std::move(next.record));
  const RoundEnd end = co_await round.run();
  take_end(end, message, segment, round);
}

void Delivery::take_end(const RoundEnd& end, QueuedMessage* message, const spool::SegmentKey& segment, Round& round) {
  if (end.has_bounced) own_tail_->poke();
  switch (end.kind) {
    case RoundEnd::Kind::done:
      if (!end.side_file_path.empty()) remove_side_file(end.side_file_path, end.done);
      if (ledger_.queued_in(segment) > 0) break;
      if (DirectoryTail* tail = tail_of(segment)) tail->poke_done();
      break;
    case RoundEnd::Kind::deferred: schedule_.add_due(*message, end.next_try_s); break;
    case RoundEnd::Kind::parked:
      if (read_pool_.used_bytes() > context_.record_bytes_tight)
        parked_[end.destination].push_back({message, std::nullopt});
      else
        parked_[end.destination].push_back({message, round.take_record()});
      ++parked_count_;
      break;
    case RoundEnd::Kind::unchanged:
      if (!stopping_) schedule_.add_due(*message, wall_s() + kOddEndWaitS);
      break;
  }
}

// ---- messages that wait for room at a destination ----

bool Delivery::on_room(const std::string& destination) {
  unpark(destination, kUnparkAtOnce);
  return parked_.contains(destination);
}

void Delivery::unpark(const std::string& destination, std::size_t most) {
  const auto found = parked_.find(destination);
  if (found == parked_.end()) return;
  std::deque<Schedule::Next>& waiting = found->second;
  std::vector<Schedule::Next> taken;
  for (; most > 0 && !waiting.empty(); --most) {
    taken.push_back(std::move(waiting.front()));
    waiting.pop_front();
    --parked_count_;
  }
  if (waiting.empty()) parked_.erase(found);
  for (auto next = taken.rbegin(); next != taken.rend(); ++next) schedule_.add_first(std::move(*next));
}

// A destination may have emptied its queue while its messages were still on their way to being parked.
void Delivery::unpark_forgotten() {
  std::vector<std::string> names;
  for (const auto& [name, waiting] : parked_)
    if (destinations_.has_room(name)) names.push_back(name);
  for (const std::string& name : names) unpark(name, options_.destinations.waiting_per_destination_max / 2 + 1);
}

DirectoryTail* Delivery::tail_of(const spool::SegmentKey& segment) const {
  const auto found = std::ranges::find_if(tails_, [&segment](const auto& tail) { return tail->holds(segment); });
  return found != tails_.end() ? found->get() : nullptr;
}

Task<Result<spool::Record>> Delivery::read(spool::RecordKey key) {
  DirectoryTail* const tail = tail_of(key.segment);
  // A copy may be in a segment that is too new to have been seen.
  co_return co_await (tail != nullptr ? tail : own_tail_)->read(key);
}

std::string Delivery::directory_of(const spool::SegmentKey& segment) const {
  const DirectoryTail* const tail = tail_of(segment);
  return (tail != nullptr ? tail : own_tail_)->directory();
}

void Delivery::remove_side_file(std::string path, Journal::Ticket durable) {
  background_.start(remove_when_durable(std::move(path), durable));
}

// One that stays because of a crash goes when whoever writes its directory has started twice.
Task<void> Delivery::remove_when_durable(std::string path, Journal::Ticket durable) {
  const Wait wait{Scheduler::current().now().plus_ms(kRemoveWaitMs), nullptr};
  if (!co_await journal_.durable(durable, wait)) co_return;
  const Result<void> removed = co_await deps_.files.remove(path);
  if (!removed && removed.error().code != Errc::not_found) on_trouble(path, removed.error());
}

// ---- trouble ----

void Delivery::on_trouble(const std::string& directory, const Error& error) {
  const Instant now = Scheduler::current().now();
  const auto [said, is_new] = trouble_said_.try_emplace(directory, now);
  if (!is_new && now < said->second.plus_ms(kSameTroubleMs)) return;
  said->second = now;
  deps_.log.write(log::Stream::panic, fmt::format("delivery: {}: {}", directory, describe(error)));
}

void Delivery::on_journal_failure(const Error& error) {
  deps_.log.write(log::Stream::panic,
                  fmt::format("delivery's journal cannot be written, deliveries wait: {}", describe(error)));
}

void Delivery::on_damage(const spool::Damage& damage) {
  const std::string line = fmt::format("spool damage: {}: {} at offset {}, {} bytes could not be read", damage.path,
                                       spool::to_string(damage.kind), damage.offset, damage.bytes);
  deps_.log.write(log::Stream::main, line);
  deps_.log.write(log::Stream::panic, line);
}

// ---- running ----

Task<void> Delivery::run(StopSource& stop) {
  may_pump_ = true;
  for (const auto& tail : tails_) background_.start(tail->run(stop_tails_));
  background_.start(keep_time());
  background_.start(compact());
  background_.start(ask_ingress());
  Event never;
  static_cast<void>(co_await never.wait({Instant::never(), &stop}));
  co_await end_all();
}

Task<void> Delivery::end_all() {
  stopping_ = true;
  stop_tails_.request_stop();
  destinations_.stop();
  Gate grace;
  grace.start(cut_after_grace());
  co_await rounds_.close();
  grace_over_.request_stop();
  co_await grace.close();
  co_await destinations_.close();
  close_unused_setups();
  co_await close_setup(setup_);
  co_await background_.close();
  co_await journal_.stop();
  co_await store_.stop();
  update_gauges(false);
}

Task<void> Delivery::cut_after_grace() {
  const bool is_time = co_await sleep_until(Scheduler::current().now().plus_ms(options_.stop_grace_ms), &grace_over_);
  if (is_time) cut_.request_stop();
}

bool Delivery::must_ask() const {
  const auto is_lost = [this](const auto& tail) { return tail.get() != own_tail_ && tail->has_no_doorbell(); };
  return !deps_.ingress_control.empty() && (deps_.doorbell == nullptr || std::ranges::any_of(tails_, is_lost));
}

// An ingress that is not there is none of this process's trouble: what it has sealed is read all the same.
Task<void> Delivery::ask_ingress() {
  while (!stopping_) {
    const bool asks = must_ask();
    const Result<bool> changed = asks ? co_await asked_.ask(stop_tails_) : Result<bool>(false);
    if (!changed && changed.error().code == Errc::bad_format) on_trouble(kIngressDirectory, changed.error());
    if (changed && *changed)
      for (const auto& tail : tails_) tail->poke();
    const std::int64_t wait_ms = asks && changed ? options_.ask_ms : kTickMs;
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(wait_ms), &stop_tails_));
  }
}

Task<void> Delivery::keep_time() {
  for (std::uint64_t tick = 1; !stopping_; ++tick) {
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(kTickMs), &stop_tails_));
    if (stopping_) break;
    close_unused_setups();
    unpark_forgotten();
    update_gauges(tick % (ledger_.queued() > kMuchQueued ? kAgeTicksLong : kAgeTicks) == 0);
    if (!lost_segments_forgotten_) forget_lost_segments();
    if (tick % options_.forget_s == 0) co_await forget_gone_segments();
    if (tick % kTidyTicks == 0) co_await store_.tidy();
    if (tick % kFindDirectoriesTicks != 0 || stopping_) continue;
    const Result<void> found = co_await find_directories();
    if (!found) on_trouble(kIngressDirectory, found.error());
  }
}

// Not before it is certain which segments are there, and which copies in them count.
Task<void> Delivery::compact() {
  // Before anything is copied: a copy may take a name that an earlier life left.
  if (const auto swept = co_await store_.sweep(stop_tails_); !swept) on_trouble(kStoreDirectory, swept.error());
  while (!stopping_) {
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(kTickMs), &stop_tails_));
    if (stopping_) break;
    trust_journal_again();
    if (!lost_segments_forgotten_ || ledger_.outcomes_lost() || !journal_.is_durable(trusted_)) continue;
    const Result<void> passed = co_await compactor_.pass(tails_, *own_tail_, stop_tails_);
    if (!passed) on_trouble(kStoreDirectory, passed.error());
  }
}

// Once every copy that was there has been met. Before the journal says so, another would count as a message after a crash.
void Delivery::trust_journal_again() {
  if (ledger_.outcomes_lost() && own_tail_->has_read_what_is_sealed()) trusted_ = journal_.append(ledger_.outcomes_known());
}

void Delivery::update_gauges(bool with_age) {
  stats_.queued.set(ledger_.queued());
  stats_.active.set(destinations_.under_way());
  stats_.waiting.set(ledger_.queued() - std::min(ledger_.queued(), destinations_.under_way()));
  stats_.destinations.set(destinations_.size());
  stats_.hosts_resting.set(hosts_.size());
  if (!with_age) return;
  const std::uint32_t oldest = ledger_.oldest_s();
  const std::uint32_t now = wall_s();
  stats_.oldest_age_s.set(oldest == 0 || oldest > now ? 0 : now - oldest);
}

// The journal speaks of segments until no file can be one of them any more.
Task<void> Delivery::forget_gone_segments() {
  const std::vector<spool::SegmentKey> drained = ledger_.drained();
  if (drained.empty()) co_return;
  std::set<std::uint64_t> present;
  for (std::size_t i = 0; i < tails_.size(); ++i) {
    const Result<std::set<std::uint64_t>> found = co_await tails_[i]->incarnations();
    if (!found) co_return;
    present.insert(found->begin(), found->end());
  }
  for (const spool::SegmentKey& key : drained)
    if (!present.contains(key.incarnation)) ledger_.forget(key);
}

// Segments of which the journal says that something is left to do, and which are not there. Said once, when every directory
// has been looked at.
void Delivery::forget_lost_segments() {
  if (!std::ranges::all_of(tails_, [](const auto& tail) { return tail->has_looked(); })) return;
  lost_segments_forgotten_ = true;
  for (const spool::SegmentKey& key : ledger_.keys()) {
    const bool is_held = std::ranges::any_of(tails_, [&key](const auto& tail) { return tail->holds(key); });
    if (is_held || ledger_.is_drained(key)) continue;
    const std::size_t lost = ledger_.queued_in(key);
    if (lost > 0)
      deps_.log.write(
          log::Stream::panic,
          fmt::format("segment {:016x} is gone from the spool with {} messages that were not done", key.number, lost));
    ledger_.forget(key);
  }
}

}  // namespace postern::delivery
