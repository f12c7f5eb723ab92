// Group commit: the one writer of a shard's directory. Every record that arrives while a batch is being written shares the next
// one; a record that arrives while none is in flight is written at the end of the turn, alone if need be.
//
//   commit() ─▶ filling batch ─(end of turn, none in flight)─▶ one durable write ─▶ everyone in it is resumed
//          └──▶ first-come queue, while no buffer or no segment has room
//
// Invariants:
// - a commit succeeds only after a durable write covers the whole batch it is in;
// - one batch is in flight; a block that holds an acknowledged byte is not written again in this use of the segment;
// - after a failed or short write nothing more goes to that segment: everyone in the batch is in_doubt, and the next segment's
// header
//   says where the abandoned one ends before anything in the next one is acknowledged;
// - the doorbell never shows an offset that is not durable, nor a segment before the end of the one before it is on the disk.
//
// What happens once per segment (preparing the next, sealing the last) are tasks in the background; what happens once per
// message or batch allocates nothing.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/spool/batch_buffer.h"
#include "appliance/spool/damage.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/open_segment.h"
#include "appliance/spool/record.h"
#include "appliance/spool/recovery.h"
#include "appliance/spool/segment_directory.h"
#include "appliance/spool/segment_format.h"
#include "appliance/spool/segment_preparer.h"
#include "appliance/spool/stats.h"
#include "engine/base/ids.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"
#include "engine/shard/poller.h"

namespace postern::spool {

struct WriterOptions {
  ShardId shard;
  std::uint64_t segment_bytes = 16ULL << 20;  // a multiple of a block; at least kFirstBatchOffset and one batch of one block
  std::size_t batch_bytes = 4UL << 20;        // of each of the two buffers, a multiple of a block, at most kBatchBytesMax
  std::uint64_t preallocate_bytes = 0;   // in whole segments that exist, zero-filled, before start() returns; at least one does
  std::uint32_t free_segments_max = 16;  // more than these in free/ are removed (never fewer than preallocate_bytes' worth)
  bool register_buffers = true;          // tell the FileSystem of the two buffers (as its buffers 0 and 1)
  bool make_directory = true;            // make the directory when it is missing (its parent must be there)
};

struct CommitReceipt {
  RecordKey key;
  std::uint32_t record_bytes = 0;  // in the segment
};

class SegmentWriter;

// Awaits one commit without a coroutine frame. Cannot be cut short: the disk has the last word. Stays where it is until
// awaited.
class [[nodiscard]] CommitAwaiter {
 public:
  CommitAwaiter(SegmentWriter& writer, const CommitInput& input) noexcept : writer_(writer), input_(input) {}
  CommitAwaiter(const CommitAwaiter&) = delete;
  CommitAwaiter& operator=(const CommitAwaiter&) = delete;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle);
  [[nodiscard]] Result<CommitReceipt> await_resume() const noexcept { return outcome_; }

 private:
  friend class SegmentWriter;
  friend class CommitQueue;
  SegmentWriter& writer_;
  const CommitInput& input_;
  std::coroutine_handle<> handle_;
  CommitAwaiter* next_ = nullptr;
  std::size_t payload_bytes_ = 0;
  Instant since_;
  Result<CommitReceipt> outcome_ = CommitReceipt{};
};

// First come, first served, linked through the awaiters.
class CommitQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] CommitAwaiter* front() const noexcept { return first_; }
  void push_back(CommitAwaiter& commit) noexcept;
  [[nodiscard]] CommitAwaiter& pop_front() noexcept;
  // `before` goes in front of what is here; it is empty afterwards.
  void prepend(CommitQueue& before) noexcept;

 private:
  CommitAwaiter* first_ = nullptr;
  CommitAwaiter* last_ = nullptr;
};

// One shard. FileSystem, random, reporter and publisher outlive it. Destroyed only when never started or stopped.
class SegmentWriter final : public shard::TurnEnd {
 public:
  // `doorbell` may be nullptr. `directory` is this writer's alone (DirectoryLock) but for the reader, who hands segments back.
  SegmentWriter(FileSystem& files, std::string directory, WriterOptions options, Random& random, DamageReporter& reporter,
                Publisher* doorbell = nullptr);
  ~SegmentWriter() override;
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // Recovers the directory (recover_directory), makes the first segment ready, fills free/ as asked, publishes where writing
  // begins, and starts to prepare the second segment. Suspends. Errors: unsupported (a newer format; details in recovery()),
  // disk_full, any of the disk; after an error the writer may be destroyed.
  [[nodiscard]] Task<Result<void>> start();

  // Stores one message durably. `input` and all it borrows stay until the await ends. Never ends from within. Errors: too_large
  // (more than a batch buffer or a segment holds), in_doubt (it may or may not be found after a restart), disk_full and other
  // errors of the disk (no segment to write to: nothing was stored), stopped. Checked: started.
  [[nodiscard]] CommitAwaiter commit(const CommitInput& input) noexcept { return {*this, input}; }

  // Starts writing what is gathered, unless a batch is in flight. The loop calls it at the end of each turn.
  void flush();
  void end_of_turn() override { flush(); }

  // Looks at free/ (counts it, removes what is too much). For a periodic task, every minute or so. Suspends.
  [[nodiscard]] Task<void> tidy();

  // Refuses new commits, waits for those under way, seals the segment. Suspends. Once, after start() succeeded.
  [[nodiscard]] Task<void> stop();

  [[nodiscard]] const SpoolStats& stats() const noexcept { return stats_; }
  // What start() found, also after it failed.
  [[nodiscard]] const RecoveryReport& recovery() const noexcept { return recovery_; }
  // The largest message record (envelope, attributes and content) that commit() takes.
  [[nodiscard]] std::size_t payload_bytes_max() const noexcept { return payload_bytes_max_; }
  // Bytes of the files in free/ as of the last look: room that need not be asked of the file system.
  [[nodiscard]] std::uint64_t reusable_bytes() const noexcept { return stats_.segments_free.get() * options_.segment_bytes; }

 private:
  friend class CommitAwaiter;
  class BatchWrite final : public FileRequest {
   public:
    explicit BatchWrite(SegmentWriter& writer) noexcept : writer_(writer) {}
    void on_done(Result<std::size_t> outcome) override { writer_.on_written(outcome); }

   private:
    SegmentWriter& writer_;
  };

  // Commits.
  bool enqueue(CommitAwaiter& commit);
  enum class Placed : std::uint8_t { yes, later, no_segment };
  Placed try_place(CommitAwaiter& commit);
  void place_waiting();
  void fail_waiting(const Error& error);
  void requeue_filling();
  static void resolve(CommitAwaiter& commit);

  // Batches.
  void on_written(Result<std::size_t> outcome);
  void complete_batch();
  void fail_batch();
  void publish(const OpenSegment& segment);

  // Segments.
  bool rotate();
  void ensure_next();
  void start_sealing();
  void abandon(std::unique_ptr<OpenSegment> segment);
  void leave_current();
  void resume_with_current();
  [[nodiscard]] std::vector<SegmentKey> live_keys() const;
  [[nodiscard]] Task<void> prepare_next();
  [[nodiscard]] Task<void> seal_retiring();
  [[nodiscard]] Task<void> adopt();
  [[nodiscard]] Task<Result<std::unique_ptr<OpenSegment>>> prepare_with_notes();
  [[nodiscard]] Task<void> seal_abandoned();
  [[nodiscard]] Task<bool> seal(OpenSegment& segment, SealReason reason);
  [[nodiscard]] bool idle() const noexcept;

  FileSystem& files_;
  SegmentDirectory directory_;
  WriterOptions options_;
  DamageReporter& reporter_;
  Publisher* doorbell_;
  SpoolStats stats_;
  RecoveryReport recovery_;
  SegmentPreparer preparer_;
  std::size_t payload_bytes_max_;

  struct Gathering {
    BatchBuffer batch;
    CommitQueue commits;  // in the batch, in order
  };
  std::array<Gathering, 2> buffers_;
  unsigned filling_ = 0;            // the other one is in flight, or idle
  OpenSegment* writing_ = nullptr;  // where the batch in flight goes; nullptr while none is
  BatchWrite write_;
  CommitQueue waiting_;

  std::unique_ptr<OpenSegment> current_;                 // what the filling batch is encoded for; nullptr while adopting
  std::unique_ptr<OpenSegment> next_;                    // prepared
  std::unique_ptr<OpenSegment> retiring_;                // left behind, its last batch in flight or its seal
  std::vector<std::unique_ptr<OpenSegment>> abandoned_;  // their ends are noted below
  std::vector<SegmentNote> notes_;                       // not yet in a durable header
  std::optional<Error> outage_;                          // why there is no next segment
  Instant retry_at_;
  bool preparing_ = false;
  bool adopting_ = false;       // no commit is placed until a header with the notes is durable
  bool leave_current_ = false;  // once its batch in flight is done
  bool stopping_ = false;
  bool started_ = false;
  Event prepared_;
  Event drained_;
  StopSource stop_;
  Gate gate_;
};

}  // namespace postern::spool
