// One round of attempts at one message: routed anew, taken to each of its destinations, its outcomes recorded as they come, and
// what failed for good reported to the sender.
//
// The order that makes it safe to stop anywhere:
//   attempting       on the disk before a next hop may take the message
//   finished, done   behind the next hop's answer: a crash in between gives a second copy, which is logged as possible
//   bounce           on the disk before the failure it reports is recorded: a crash in between gives a second bounce
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/delivery/destinations.h"
#include "appliance/delivery/journal.h"
#include "appliance/delivery/ledger.h"
#include "appliance/delivery/log_lines.h"
#include "appliance/delivery/round_asker.h"
#include "appliance/delivery/stats.h"
#include "appliance/delivery/store.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/maildir.h"
#include "appliance/delivery/transports/smtp_transport.h"
#include "appliance/delivery/variables.h"
#include "appliance/log/log_sink.h"
#include "appliance/spool/reader.h"
#include "engine/base/clock.h"
#include "engine/coro/event.h"
#include "engine/coro/stop.h"
#include "net/dns/resolver.h"
#include "policy/routing/route.h"

namespace postern::delivery {

// A transport of the configuration, ready to work.
struct TransportInstance {
  const config::Transport* transport = nullptr;
  std::unique_ptr<SmtpTransport> smtp;  // also for LMTP; one of the two
  std::unique_ptr<MaildirTransport> maildir;

  // It delivers on this machine.
  [[nodiscard]] bool is_local() const noexcept { return !smtp || smtp->is_local(); }
  // Of one group: a file is written for each recipient, as Exim's batch_max of 1 has it.
  [[nodiscard]] std::size_t recipients_max() const noexcept { return smtp ? smtp->recipients_max() : 1; }
};

class RecordSource {
 public:
  // The message's record once more. Suspends.
  [[nodiscard]] virtual Task<Result<spool::Record>> read(spool::RecordKey key) = 0;
  // Where the segment lies; empty when it is not there any more.
  [[nodiscard]] virtual std::string directory_of(const spool::SegmentKey& segment) const = 0;

 protected:
  ~RecordSource() = default;
};

// A configuration with its transports. Rounds hold the one they began with.
struct Setup {
  std::shared_ptr<const config::Config> config;
  std::vector<TransportInstance> transports;
  std::unique_ptr<language::ShardLanguage> language;  // null: what its texts ask fails, and they defer
};

// What rounds share. Everything outlives them.
struct RoundContext {
  log::LogSink& log;
  Ledger& ledger;
  Journal& journal;
  OwnStore& store;
  FileSystem& files;
  Destinations& destinations;
  HostMemory& hosts;
  RecordSource& records;
  const spool::ReadPool& read_pool;
  std::size_t record_bytes_tight;  // with more in the pool, messages that wait do so without their records
  Random& random;
  dns::Resolver* resolver;  // null: what routers ask of the DNS defers
  DeliveryStats& stats;
  StopSource& stop;  // cuts attempts short
  std::string user;  // U= of bounces in the log
};

// How a round ended.
struct RoundEnd {
  enum class Kind : std::uint8_t {
    done,       // the message is gone from the ledger
    deferred,   // to be tried again at `next_try_s`
    parked,     // a destination takes no more for now: to be tried again when `destination` has room
    unchanged,  // stopped before anything came of it
  };
  Kind kind = Kind::unchanged;
  std::uint32_t next_try_s = 0;
  std::string destination;
  bool has_bounced = false;
  Journal::Ticket done = 0;    // of a message that is done
  std::string side_file_path;  // likewise, when it has one: to be removed once that is durable
};

class Round;

// Recipients that go the same way. An attempt on their behalf, and the one who hears of its outcome.
class Group final : public Attempt, public DeliveryEvents {
 public:
  Group(Round& round, routing::RouteOutcome route, TransportInstance& transport);

  [[nodiscard]] bool takes(const routing::RouteOutcome& route, const TransportInstance& transport) const;
  [[nodiscard]] bool is_full() const noexcept { return recipients_.size() >= transport_.recipients_max(); }
  void add(std::uint32_t recipient) { recipients_.push_back(recipient); }
  // Attempts with the same name share a queue.
  [[nodiscard]] std::string destination() const;
  // A host of it failed lately.
  [[nodiscard]] bool is_in_trouble() const;
  [[nodiscard]] const routing::RouteOutcome& route() const noexcept { return route_; }
  [[nodiscard]] const std::vector<std::uint32_t>& recipients() const noexcept { return recipients_; }

  [[nodiscard]] Task<bool> make() override;
  void on_end(bool was_made) override;
  void on_delivered(const Delivered& delivered) override;
  void on_problem(std::span<const std::uint32_t> recipients, const Problem& problem) override;
  void on_host_problem(const HostSeen& host, const Problem& problem) override;
  void on_remark(std::string_view remark, bool is_serious) override;

 private:
  Round& round_;
  routing::RouteOutcome route_;
  TransportInstance& transport_;
  std::vector<std::uint32_t> recipients_;
  bool is_well_ = true;  // the destination, as far as this attempt could see
  Instant begun_at_;
  [[nodiscard]] LineSubject subject(std::uint32_t recipient) const;
  [[nodiscard]] std::string_view return_path() const;
};

class Round final : public EndGuard {
 public:
  Round(RoundContext& context, std::shared_ptr<Setup> setup, QueuedMessage& queued, std::optional<spool::Record> record);
  ~Round();
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  // Suspends until every attempt of this round has ended and its outcomes are recorded.
  [[nodiscard]] Task<RoundEnd> run();

  // The record that was read, for the next round.
  [[nodiscard]] std::optional<spool::Record> take_record() { return std::move(record_); }

  // Suspends until it is on the disk that the message may leave.
  [[nodiscard]] Task<Result<void>> before_end() override;

 private:
  friend class Group;
  struct Outcome {
    std::shared_ptr<const Problem> problem;  // nullptr: none yet, or delivered
    const Group* group = nullptr;
    bool failed = false;     // for good
    bool timed_out = false;  // the problem was temporary, for too long
  };

  [[nodiscard]] Task<Result<void>> load();
  void unload_while_waiting();
  [[nodiscard]] RoundEnd put_off_unreadable(const Error& error);
  [[nodiscard]] bool is_frozen() const;
  [[nodiscard]] RoundEnd keep_frozen();
  void note_interrupted_attempt();
  [[nodiscard]] Task<void> route_all();
  [[nodiscard]] Task<void> route_one(std::uint32_t recipient);
  void refuse(std::uint32_t recipient, const routing::RouteOutcome& route, bool is_permanent);
  void join_group(std::uint32_t recipient, routing::RouteOutcome route);
  [[nodiscard]] Task<void> attempt_all();
  // False when the message, which was let go of while it waited, could not be read again.
  [[nodiscard]] Task<bool> begin_attempt();
  void end_attempt();

  [[nodiscard]] Task<RoundEnd> finish();
  void judge_deferred(std::uint32_t now_s);
  [[nodiscard]] Task<bool> report_failures();
  [[nodiscard]] Task<bool> report_to(std::string_view target, const std::vector<std::uint32_t>& failed);
  // What stands behind From: in a bounce.
  [[nodiscard]] std::string bounce_sender() const;
  [[nodiscard]] Task<bool> write_bounce(std::string_view target, std::span<const std::uint32_t> failed);
  void discard(std::uint32_t recipient);
  void record_finished(std::vector<std::uint32_t> recipients);
  [[nodiscard]] RoundEnd end_round(std::uint32_t now_s, bool reported);

  [[nodiscard]] std::string_view address_of(std::uint32_t recipient) const;
  [[nodiscard]] std::string_view id() const { return message_.id.view(); }
  [[nodiscard]] std::string_view report_target(std::uint32_t recipient) const;
  [[nodiscard]] bool has_local_style(const Group& group) const;
  [[nodiscard]] const config::Config& config() const noexcept { return *setup_->config; }
  void log_main(std::string_view line) const { context_.log.write(log::Stream::main, line); }
  void log_main(const log::LogLine& line) const { context_.log.write_line(log::Stream::main, line); }
  void log_problem(const LineSubject& subject, const Problem& problem, bool is_permanent) const;
  [[nodiscard]] std::int64_t in_queue_us() const;

  RoundContext& context_;
  const std::shared_ptr<Setup> setup_;
  QueuedMessage& queued_;
  std::optional<spool::Record> record_;
  spool::MessageView message_;
  std::vector<spool::RecipientView> recipients_;
  std::vector<Outcome> outcomes_;  // by recipient
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Group*> open_groups_;  // those that are not full
  std::optional<DeliveryVariables> variables_;
  std::optional<RoundAsker> asker_;          // of routers that ask
  std::optional<std::uint32_t> next_try_s_;  // of those that are deferred, the first
  std::optional<Journal::Ticket> attempting_;
  std::string side_file_path_;  // of the message's, when it has one
  std::string parked_at_;
  std::size_t under_way_ = 0;  // groups that were offered and have not ended
  bool has_begun_ = false;     // an attempt was
  bool has_bounced_ = false;
  Event ended_;
};

}  // namespace postern::delivery
