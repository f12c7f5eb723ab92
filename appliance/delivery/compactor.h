// Empties segments that a few waiting messages keep alive: copies those to delivery's own store, and lets the copies take their
// places, so that the segment drains and goes back.
//
//   record read ─▶ copy durable in the store ─▶ `moved` in the journal ─▶ ... `drained` in the journal ─▶ hand-back
//
// The bytes of a large message are not copied: its side file gets a second name beside the copy, and loses the first one when
// `moved` is on the disk. Before `moved` is on the disk the message is where it was and the copy is nothing; from then on it is
// the other way about, with everything that the journal knew of the message. Segments of the store are emptied by the same
// rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/delivery/journal.h"
#include "appliance/delivery/ledger.h"
#include "appliance/delivery/store.h"
#include "appliance/delivery/tail.h"
#include "appliance/spool/reader.h"
#include "engine/base/counter.h"
#include "engine/base/result.h"
#include "engine/coro/gate.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::delivery {

// docs/limits.md lists these.
struct CompactionOptions {
  unsigned live_percent_max = 25;      // of a segment's bytes: what holds no more is emptied
  std::int64_t settle_s = 60;          // after it was read to its end: most messages are gone by then
  unsigned old_live_percent_max = 50;  // the same for one that
  std::int64_t old_s = 3'600;          // was read that long ago
  std::int64_t soon_s = 5;             // a message whose next try is nearer than that stays for it
  std::size_t copies_at_once = 32;
  std::size_t bytes_per_pass = 8UL << 20;  // about; there is a pass each second
  std::int64_t trouble_s = 60;             // after an error of the disk
};

// Removes a file once the journal has it that nobody will want it there.
class SideFileRemover {
 public:
  virtual ~SideFileRemover() = default;
  virtual void remove_side_file(std::string path, Journal::Ticket durable) = 0;
};

struct CompactorDeps {
  FileSystem& files;
  Ledger& ledger;
  Journal& journal;
  OwnStore& store;
  spool::ReadPool& pool;
  spool::DamageReporter& damage;
  SideFileRemover& side_files;
  Counter& copied;  // messages
};

// One shard. Everything it is given outlives it. Destroyed only while no pass is under way.
class Compactor {
 public:
  Compactor(const CompactorDeps& deps, const CompactionOptions& options)
      : deps_(deps), options_(options), room_(options.copies_at_once) {}

  // Looks at every segment of `tails` (which may grow meanwhile) once and copies as much as a pass may. `own` is the one that
  // reads the store. An error of the disk ends the pass, and for trouble_s the next ones do nothing. Suspends; ends early when
  // stop is requested.
  [[nodiscard]] Task<Result<void>> pass(const std::vector<std::unique_ptr<DirectoryTail>>& tails, DirectoryTail& own,
                                        StopSource& stop);
  // There may be copies that the ledger does not know of yet.
  [[nodiscard]] const bool& is_copying() const noexcept { return is_copying_; }

 private:
  [[nodiscard]] bool is_sparse(const ReadSegment& segment) const;
  // Keys of those that may be copied now; none when one is in the way that cannot.
  [[nodiscard]] std::vector<spool::RecordKey> movable_in(const spool::SegmentKey& segment) const;
  // `directory` is the one that `segment` lies in.
  [[nodiscard]] Task<void> empty(const ReadSegment& segment, std::span<const spool::RecordKey> keys,
                                 const std::string& directory, StopSource& stop);
  [[nodiscard]] Task<void> move(spool::SegmentReader& reader, spool::RecordKey key, const std::string& directory);
  void settle(const spool::RecordKey& key, const Result<StoredCopy>& copy);

  CompactorDeps deps_;
  CompactionOptions options_;
  Semaphore room_;
  Gate copies_;
  bool is_copying_ = false;
  std::size_t bytes_left_ = 0;  // of this pass
  std::optional<Error> trouble_;
  Instant not_before_;
};

}  // namespace postern::delivery
