// The journal on the disk: group commit of what happened, and a new file before the old one is full.
//
// Records appended while a batch is being written share the next one. The ledger already says what a record says when it is
// appended, so a new file, which begins with the ledger's snapshot, makes every record appended so far durable at once. That is
// also the way out of a failed write: the journal goes on with a new file as soon as the disk lets it.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "appliance/delivery/journal_format.h"
#include "appliance/delivery/ledger.h"
#include "appliance/spool/aligned_buffer.h"
#include "engine/base/counter.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/file.h"
#include "engine/shard/poller.h"

namespace postern::delivery {

struct JournalOptions {
  std::uint64_t file_bytes = 16ULL << 20;  // at least; a file is made longer when the ledger needs it
  std::int64_t batch_gap_ms = 1;           // from the start of one batch to that of the next, at least
  std::int64_t repair_gap_ms = 2'000;      // between two tries to get a new file onto a disk that fails
};

struct JournalStats {
  Counter records;   // appended
  Counter batches;   // durable writes
  Counter files;     // begun
  Counter failures;  // of writes or new files
};

class JournalReporter {
 public:
  // Writing failed; deliveries wait until it works again.
  virtual void on_journal_failure(const Error& error) = 0;

 protected:
  ~JournalReporter() = default;
};

// One shard. Everything it is given outlives it. Destroyed only when never started or after stop().
class Journal final : public shard::TurnEnd {
 public:
  // Counts what was appended; a later ticket is durable no sooner than an earlier one.
  using Ticket = std::uint64_t;

  Journal(FileSystem& files, std::string directory, Ledger& ledger, Random& random, JournalReporter& reporter,
          JournalOptions options = {});
  ~Journal() override;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Reads what an earlier process left into the ledger (which is empty) and begins a new file. bad_format: the journal does not
  // read; nothing is delivered until a person has looked, because mail would go out twice. unsupported: of a later version.
  // Suspends.
  [[nodiscard]] Task<Result<JournalDamage>> start();

  // The record of something that the ledger knows already. Never suspends.
  Ticket append(const JournalRecord& record);
  [[nodiscard]] bool is_durable(Ticket ticket) const noexcept { return ticket <= durable_; }

  class Durable;
  // Suspends until everything up to `ticket` is on the disk; for as long as that takes, unless the wait is cut short
  // (timed_out, stopped).
  [[nodiscard]] Durable durable(Ticket ticket, const Wait& wait = {});

  // Starts writing what is gathered. The loop calls it at the end of each turn.
  void flush();
  void end_of_turn() override { flush(); }
  // Writes what is left, if the disk lets it. Nothing is appended afterwards. Suspends.
  [[nodiscard]] Task<void> stop();

  [[nodiscard]] const JournalStats& stats() const noexcept { return stats_; }
  [[nodiscard]] std::string path() const { return directory_ + "/journal"; }

 private:
  friend class Durable;
  struct Place {
    std::uint64_t file_bytes = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;  // of the last batch
    std::uint64_t end = 0;       // where the next batch goes
  };
  [[nodiscard]] Task<void> write_out();
  [[nodiscard]] Task<Result<void>> write_batch(std::string batch);
  [[nodiscard]] Task<Result<void>> begin_file();
  [[nodiscard]] Task<Result<Place>> write_snapshot(File& file, std::uint64_t incarnation, std::uint64_t file_bytes);
  [[nodiscard]] Task<Result<void>> write_at(File& file, std::string_view bytes, std::uint64_t offset, bool durable);
  [[nodiscard]] std::uint64_t bytes_needed() const;
  [[nodiscard]] bool has_room(std::size_t batch_bytes) const noexcept;
  void set_durable(Ticket ticket);

  FileSystem& files_;
  std::string directory_;
  Ledger& ledger_;
  Random& random_;
  JournalReporter& reporter_;
  JournalOptions options_;

  std::unique_ptr<File> file_;
  Place place_;

  struct Gathering {
    std::string bytes;  // room for the batch's header, then records
    Ticket last = 0;
  };
  std::deque<Gathering> gathering_;
  Ticket appended_ = 0;
  Ticket durable_ = 0;
  Instant batch_started_;
  bool writing_ = false;
  bool stopping_ = false;
  StopSource stop_;
  std::deque<Durable*> waiters_;  // by ticket
  spool::AlignedBuffer buffer_;
  Gate gate_;
  JournalStats stats_;
};

class [[nodiscard]] Journal::Durable final : public Waiter {
 public:
  Durable(Journal& journal, Ticket ticket, const Wait& wait) noexcept : journal_(journal), ticket_(ticket), wait_(wait) {}
  [[nodiscard]] bool await_ready() const noexcept { return journal_.is_durable(ticket_); }
  void await_suspend(std::coroutine_handle<> handle);
  [[nodiscard]] Result<void> await_resume() const {
    if (journal_.is_durable(ticket_)) return {};
    return failure(error_, "wait for the journal");
  }

 private:
  friend class Journal;
  void on_cut_short(Errc why) override;
  Journal& journal_;
  Ticket ticket_;
  Wait wait_;
  Errc error_ = Errc::stopped;
};

}  // namespace postern::delivery
