// Large messages: what their commit records do not hold, a file each beside the segments.
//
//   <directory>/large/<message id>      the message's bytes behind those in the record
//
// A side file is written while the message arrives, out of the buffers it arrived in. Its bytes are synced, then its name, and
// only then may a record name it: whoever finds the record finds the file. Its writer removes files of messages that came to
// nothing; the reader removes a file when everything about its message is done; what a crash leaves unnamed is removed after
// the next start (side_file_sweep.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "appliance/spool/message_id.h"
#include "appliance/spool/record.h"
#include "engine/base/counter.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/message_buffer.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

// Where the side files of the segments in `directory` lie, and one of them.
[[nodiscard]] std::string side_file_directory(std::string_view directory);
[[nodiscard]] std::string side_file_path(std::string_view directory, std::string_view name);

struct SideFileStats {
  Counter files;   // finished
  Counter bytes;   // in them
  Counter open;    // gauge: being written
  Counter writes;  // to them
};

// What the side files of one shard share. FileSystem outlives it, it outlives its files.
class SideFiles {
 public:
  // Files created or removed side by side; others wait their turn.
  static constexpr std::size_t kNamesAtOnce = 32;

  SideFiles(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}
  SideFiles(const SideFiles&) = delete;
  SideFiles& operator=(const SideFiles&) = delete;

  // Makes the names in the directory durable that were there before the call. Calls that come while the disk is busy share
  // the next sync. Suspends.
  [[nodiscard]] Task<Result<void>> sync_names();
  // A new file; makes the directory with the first one. Suspends.
  [[nodiscard]] Task<Result<std::unique_ptr<File>>> create(std::string name);
  // Suspends.
  [[nodiscard]] Task<Result<void>> remove(std::string name);
  [[nodiscard]] SideFileStats& stats() noexcept { return stats_; }
  [[nodiscard]] const SideFileStats& stats() const noexcept { return stats_; }

 private:
  [[nodiscard]] Task<Result<void>> make_directory();

  FileSystem& files_;
  std::string directory_;
  bool has_directory_ = false;
  Semaphore syncing_{1};  // of directories: one at a time
  // So that a thousand clients who go away together do not overrun the queue of those who work on the disk.
  Semaphore at_once_{kNamesAtOnce};
  std::uint64_t asked_ = 0;    // calls of sync_names()
  std::uint64_t covered_ = 0;  // of them, by a sync that succeeded
  SideFileStats stats_;
};

// One file while it is written. One shard. Everything it is given outlives it. Destroyed after finish() or discard().
class SideFile {
 public:
  // A write begins when this much is there, or more is asked for.
  static constexpr std::size_t kWriteBytesMin = 64 * 1024;
  // More than this is not held: the writer waits.
  static constexpr std::size_t kHeldBytesMax = 512 * 1024;

  // Begins with what lies behind the first `keep_bytes` of `first`, which is taken out of it.
  SideFile(SideFiles& shared, BlockPool& blocks, MemoryBudget& budget, const MessageId& id, MessageBuffer& first,
           std::size_t keep_bytes);
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;
  ~SideFile();

  // Takes the next bytes. Never suspends. `scarce`: the buffers they lie in are wanted back soon. Returns whether the caller
  // should await room() before more. Errors: too_large (the shard's memory for messages is used up), and those of writing so
  // far; nothing is to be appended afterwards.
  [[nodiscard]] Result<bool> append(Slice bytes, bool scarce);
  // Suspends until little is held in memory. Errors of writing.
  [[nodiscard]] Task<Result<void>> room();
  // Bytes taken, those of them that were copied on the way, and those that the file system has.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t copied_bytes() const noexcept { return copied_bytes_ + filling_->copied_bytes(); }
  [[nodiscard]] std::uint64_t written_bytes() const noexcept { return written_bytes_; }

  // Makes bytes and name durable. After an error, discard(). The reference borrows its name from here. Suspends.
  [[nodiscard]] Task<Result<SideFileView>> finish();
  // Ends what is under way and removes the file. Suspends.
  [[nodiscard]] Task<void> discard();

 private:
  [[nodiscard]] bool is_to_write() const noexcept;
  void kick();
  [[nodiscard]] Task<void> write_out();
  [[nodiscard]] Task<Result<void>> create();
  [[nodiscard]] Task<Result<void>> write(const Chain& chain);
  [[nodiscard]] Task<Result<void>> flush(std::size_t held_bytes_max);
  [[nodiscard]] std::size_t held_bytes() const noexcept { return filling_->size() + writing_->size(); }

  SideFiles& shared_;
  MemoryBudget& budget_;
  MessageId id_;
  MessageBuffer buffers_[2];
  MessageBuffer* filling_ = &buffers_[0];
  MessageBuffer* writing_ = &buffers_[1];  // empty while no write is under way
  std::unique_ptr<File> file_;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t copied_bytes_ = 0;  // on their way in, for want of buffers; of what is in filling_ not yet
  std::uint32_t crc_ = 0;
  bool at_once_ = false;  // write what is there, however little
  bool is_writing_ = false;
  std::optional<Error> error_;
  Event progress_;
  Gate gate_;
};

}  // namespace postern::spool
