// The delivery stage: takes what ingress made durable to where it is to go. One thread, one loop.
//
//   segments ─▶ tails ─▶ schedule ─▶ rounds ─▶ destinations ─▶ transports ─▶ next hop
//                 ▲                    │ └──▶ journal (what was done)
//                 └── own store ◀──────┘ bounces
//
// Files, below the spool directory: delivery/journal; delivery/store, a directory of segments; ingress/NN, which is read, and
// whose segments are handed back when everything in them is done. Messages that keep waiting move from the latter to the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/delivery/asked_positions.h"
#include "appliance/delivery/compactor.h"
#include "appliance/delivery/destinations.h"
#include "appliance/delivery/journal.h"
#include "appliance/delivery/ledger.h"
#include "appliance/delivery/round.h"
#include "appliance/delivery/schedule.h"
#include "appliance/delivery/stats.h"
#include "appliance/delivery/store.h"
#include "appliance/delivery/tail.h"
#include "appliance/log/log_sink.h"
#include "appliance/spool/damage.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/reader.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/connector.h"
#include "engine/io/file.h"
#include "engine/shard/poller.h"

namespace postern::delivery {

// docs/limits.md lists these.
struct DeliveryOptions {
  DestinationLimits destinations;
  std::size_t rounds_max = 4'000;             // messages being worked on, those that wait for a destination included
  std::size_t fresh_max = 2'000;              // read, and not begun
  std::size_t parked_max = 20'000;            // waiting for a destination whose queue is full
  std::size_t queued_max = 1'000'000;         // not done, in all; beyond it nothing more is read
  std::size_t record_bytes_max = 64UL << 20;  // of records kept in memory
  std::int64_t stop_grace_ms = 5'000;         // for attempts under way when stop is requested
  std::int64_t connection_idle_ms = 2'000;    // a connection waits that long for another message
  std::uint64_t forget_s = 30;                // between two looks for segments of which the journal need not speak any more
  std::int64_t ask_ms = 50;                   // between two questions to ingress, where there is no doorbell
  JournalOptions journal;
  TailOptions tail;
  CompactionOptions compaction;
};

struct DeliveryDeps {
  FileSystem& files;  // its root is the spool directory
  Connector& connector;
  BlockPool& blocks;
  Random& random;
  dns::Resolver* resolver = nullptr;            // null: what routers ask of the DNS defers
  const language::ShardNeeds* needs = nullptr;  // of what texts ask; null: that fails, and they defer
  log::LogSink& log;
  std::shared_ptr<const config::Config> config;  // to begin with
  spool::Doorbell* doorbell = nullptr;           // a slot for each shard of ingress; nullptr: ingress is asked
  std::string ingress_control;                   // its control socket
  ReadableWait* waiter = nullptr;                // nullptr: the doorbell is looked at every now and then
  std::string user = "postern";                  // whom this process runs as, for the log
};

// One shard. Everything it is given outlives it. Its end_of_turn() is called at the end of each turn of the loop, from before
// start() until run() has ended. Destroyed when start() failed, or after run().
class Delivery final : public shard::TurnEnd,
                       private TailSink,
                       private RoomListener,
                       private RecordSource,
                       private JournalReporter,
                       private SideFileRemover,
                       private spool::DamageReporter {
 public:
  explicit Delivery(DeliveryDeps deps, DeliveryOptions options = {});
  ~Delivery() override;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Makes the directories, reads the journal, recovers its own store. The lock on delivery/ is held (DirectoryLock). Errors:
  // bad_format and unsupported (the journal, or the store), any error of the disk; `where` says which. Suspends.
  [[nodiscard]] Task<Result<void>> start();
  // Delivers until stop is requested; then begins nothing new, gives attempts under way their grace, and ends. Once, after
  // start() succeeded. Suspends.
  [[nodiscard]] Task<void> run(StopSource& stop);

  // Attempts that begin from now on go by `config`; those under way end as they began. After start().
  void use(std::shared_ptr<const config::Config> config);

  void end_of_turn() override;

  [[nodiscard]] const DeliveryStats& stats() const noexcept { return stats_; }
  [[nodiscard]] const JournalStats& journal_stats() const noexcept { return journal_.stats(); }

 private:
  // TailSink
  [[nodiscard]] bool has_room() const override;
  void on_message(QueuedMessage& message, std::optional<spool::Record> record) override;
  void on_trouble(const std::string& directory, const Error& error) override;
  // SideFileRemover
  void remove_side_file(std::string path, Journal::Ticket durable) override;
  // RoomListener
  bool on_room(const std::string& destination) override;
  // RecordSource
  [[nodiscard]] Task<Result<spool::Record>> read(spool::RecordKey key) override;
  [[nodiscard]] std::string directory_of(const spool::SegmentKey& segment) const override;
  // JournalReporter, DamageReporter
  void on_journal_failure(const Error& error) override;
  void on_damage(const spool::Damage& damage) override;

  [[nodiscard]] std::shared_ptr<Setup> make_setup(std::shared_ptr<const config::Config> config);
  void close_unused_setups();
  [[nodiscard]] static Task<void> close_setup(std::shared_ptr<Setup> setup);
  [[nodiscard]] Task<Result<void>> find_directories();
  void add_tail(TailDeps deps, std::string directory, std::optional<spool::Subscriber> doorbell, TailOptions options);
  [[nodiscard]] TailDeps tail_deps();

  void pump();
  [[nodiscard]] DirectoryTail* tail_of(const spool::SegmentKey& segment) const;
  [[nodiscard]] Task<void> run_round(Schedule::Next next);
  void take_end(const RoundEnd& end, QueuedMessage* message, const spool::SegmentKey& segment, Round& round);
  [[nodiscard]] Task<void> remove_when_durable(std::string path, Journal::Ticket durable);
  void unpark(const std::string& destination, std::size_t most);
  void poke_tails();

  [[nodiscard]] bool must_ask() const;
  [[nodiscard]] Task<void> ask_ingress();
  [[nodiscard]] Task<void> keep_time();
  [[nodiscard]] Task<void> compact();
  void trust_journal_again();
  void update_gauges(bool with_age);
  void unpark_forgotten();
  [[nodiscard]] Task<void> forget_gone_segments();
  void forget_lost_segments();
  [[nodiscard]] Task<void> cut_after_grace();
  [[nodiscard]] Task<void> end_all();

  DeliveryDeps deps_;
  DeliveryOptions options_;
  DeliveryStats stats_;
  spool::ReadPool read_pool_;
  Ledger ledger_;
  Journal journal_;
  OwnStore store_;
  Compactor compactor_;
  AskedPositions asked_;
  HostMemory hosts_;
  Destinations destinations_;
  StopSource cut_;  // ends attempts
  RoundContext context_;
  std::shared_ptr<Setup> setup_;
  std::vector<std::shared_ptr<Setup>> earlier_setups_;  // replaced, and held by rounds; at most one for each reload that
                                                        // control::Reloading lets pass

  Schedule schedule_;
  std::map<std::string, std::deque<Schedule::Next>> parked_;  // by destination
  std::size_t parked_count_ = 0;
  mutable bool tails_wait_ = false;  // for room
  bool may_pump_ = false;
  bool stopping_ = false;
  bool lost_segments_forgotten_ = false;
  Journal::Ticket trusted_ = 0;  // that outcomes are known

  std::vector<std::unique_ptr<DirectoryTail>> tails_;
  DirectoryTail* own_tail_ = nullptr;
  std::map<std::string, Instant> trouble_said_;  // by directory

  StopSource stop_tails_;
  StopSource grace_over_;
  Gate rounds_;
  Gate background_;
};

}  // namespace postern::delivery
