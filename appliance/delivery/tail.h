// Follows one directory of segments: hands on every message that is not done, and hands segments back that are.
//
// A segment is read as far as it is durable: to its final end once that is on the disk, else to what the doorbell says, or
// ingress when there is no doorbell, else not at all. What was read before, in this life or an earlier one, the ledger knows.
//
// A copy of a message (delivery's own store holds such) counts only when the journal says that the message moved there. One of
// which the journal knows nothing was made by a life that ended in between: the message is still where it was.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "appliance/delivery/journal.h"
#include "appliance/delivery/ledger.h"
#include "appliance/spool/damage.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/reader.h"
#include "appliance/spool/segment_directory.h"
#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::delivery {

// Waits for a descriptor of the kernel: implemented over the ring.
class ReadableWait {
 public:
  virtual ~ReadableWait() = default;
  // Suspends until `descriptor` is readable or the wait is cut short (timed_out, stopped).
  [[nodiscard]] virtual Task<Result<void>> readable(int descriptor, Wait wait) = 0;
};

class TailSink {
 public:
  // False: reading stops until poke().
  [[nodiscard]] virtual bool has_room() const = 0;
  // A message that is not done. Without a record when it was read in an earlier life.
  virtual void on_message(QueuedMessage& message, std::optional<spool::Record> record) = 0;
  // Reading or handing back failed; it is tried again.
  virtual void on_trouble(const std::string& directory, const Error& error) = 0;

 protected:
  ~TailSink() = default;
};

struct TailOptions {
  std::int64_t poll_ms = 20;        // between two looks at the doorbell where nothing can be waited for
  std::int64_t list_ms = 2'000;     // between two looks at the directory where no doorbell tells of new segments
  std::int64_t trouble_ms = 1'000;  // after an error of the disk
  bool removes_free_files = false;  // nobody writes to this directory any more
  bool has_copies = false;          // messages that moved here from other segments are among those in it
};

struct TailDeps {
  FileSystem& files;
  Ledger& ledger;
  Journal& journal;
  spool::ReadPool& pool;
  spool::DamageReporter& damage;
  TailSink& sink;
  ReadableWait* waiter = nullptr;  // nullptr: the doorbell is looked at every poll_ms
  // What ingress says of this directory where there is no doorbell, or it was lost; poke() when it changes. nullptr: nothing.
  const std::optional<spool::DurablePosition>* asked = nullptr;
  // While it says true no segment is handed back: a copy may be in one that the ledger does not know of yet. poke_done() after.
  const bool* is_copying = nullptr;
};

// A segment that was read to its final end, and still holds messages that are not done.
struct ReadSegment {
  spool::SegmentKey key;
  std::string path;
  std::uint64_t segment_bytes = 0;
  Instant read_at;  // when its end was reached in this life
};

// One shard. Everything it is given outlives it. Destroyed after run() has ended.
class DirectoryTail {
 public:
  DirectoryTail(TailDeps deps, std::string directory, std::optional<spool::Subscriber> doorbell, TailOptions options = {});
  DirectoryTail(const DirectoryTail&) = delete;
  DirectoryTail& operator=(const DirectoryTail&) = delete;

  // Until stop is requested; then ends what it began. Suspends.
  [[nodiscard]] Task<void> run(StopSource& stop);
  // There may be something to read, or room for it.
  void poke() { news_.set(); }
  // A segment's last message is done, as far as it was read.
  void poke_done() {
    look_for_done_ = true;
    news_.set();
  }

  // What is read here rests on asking ingress.
  [[nodiscard]] bool has_no_doorbell() const noexcept { return !doorbell_ || doorbell_is_lost_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_.path(); }
  // The directory was listed at least once.
  [[nodiscard]] bool has_looked() const noexcept { return has_looked_; }
  [[nodiscard]] bool holds(const spool::SegmentKey& segment) const;
  // Everything that has its final end on the disk was read.
  [[nodiscard]] bool has_read_what_is_sealed() const;
  [[nodiscard]] std::vector<ReadSegment> read_segments() const;

  // One record again, also of a segment that no look has found yet. not_found, bad_format (also reported as damage), any error
  // of the disk. Suspends.
  [[nodiscard]] Task<Result<spool::Record>> read(spool::RecordKey key);
  // The incarnations that files here carry, in use or free, after making durable what the names say. busy while a segment is
  // being handed back. Suspends.
  [[nodiscard]] Task<Result<std::set<std::uint64_t>>> incarnations();

 private:
  struct Segment {
    spool::SegmentKey key;
    std::string path;
    std::uint64_t segment_bytes = 0;
    std::optional<std::uint64_t> final_end;
    std::unique_ptr<spool::SegmentReader> reader;  // while there is something to read
    bool is_known_queued = false;                  // messages read in an earlier life were handed on
    bool is_read = false;                          // to its final end
    bool is_leaving = false;                       // being handed back
    Instant read_at;                               // when is_read became true
    Instant leave_after;                           // handing it back failed: not before
  };

  [[nodiscard]] Task<Result<void>> pass();
  [[nodiscard]] Task<Result<void>> look();
  void take_listing(const std::vector<spool::SegmentInfo>& listed);
  [[nodiscard]] bool must_look(const std::optional<spool::DurablePosition>& position) const;
  [[nodiscard]] std::optional<spool::DurablePosition> durable_position();
  void report_unreadable(const spool::SegmentInfo& info);
  [[nodiscard]] Task<Result<void>> read_segment(Segment& segment, std::uint64_t limit);
  void take_record(spool::Record record);
  void hand_on(QueuedMessage& message, std::optional<spool::Record> record);
  void leave_done();
  [[nodiscard]] Task<void> leave(spool::SegmentKey key);
  [[nodiscard]] Task<void> listen(StopSource& stop);
  [[nodiscard]] std::int64_t idle_ms() const noexcept;

  TailDeps deps_;
  spool::SegmentDirectory directory_;
  std::optional<spool::Subscriber> doorbell_;
  TailOptions options_;
  StopSource* stop_ = nullptr;
  std::map<std::uint64_t, Segment> segments_;  // by number; there is one of each
  Instant looked_at_;
  bool has_looked_ = false;
  std::size_t leaving_ = 0;
  bool look_for_done_ = true;
  bool doorbell_is_lost_ = false;
  std::set<std::string> unreadable_;  // files that were reported
  Event news_;
  Event may_sleep_;  // for listen(): the doorbell was looked at, and there was nothing
  Gate gate_;
};

}  // namespace postern::delivery
