// Delivery's own part of the spool, as durable as what came in: the messages it makes itself, and copies of those that would
// keep a whole segment waiting for them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/spool/damage.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/message_id.h"
#include "appliance/spool/message_ids.h"
#include "appliance/spool/reader.h"
#include "appliance/spool/record.h"
#include "appliance/spool/writer.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"
#include "engine/shard/poller.h"

namespace postern::delivery {

// The record was made by OwnStore::store_copy().
[[nodiscard]] bool is_copy(const spool::Record& record);

struct StoredCopy {
  spool::CommitReceipt receipt;
  // The path under which the bytes of a large message were known before; empty when there is none to give up. Nobody wants it
  // once the copy has taken the message's place.
  std::string left_side_file;
};

// One shard. FileSystem, random and reporter outlive it. Destroyed when never started or stopped.
class OwnStore final : public shard::TurnEnd {
 public:
  // `directory` is this process's alone; its parent exists.
  OwnStore(FileSystem& files, std::string directory, Random& random, spool::DamageReporter& damage);

  // Recovers what an earlier life left. Suspends. After an error it may be destroyed.
  [[nodiscard]] Task<Result<void>> start();
  [[nodiscard]] Result<spool::MessageId> next_id() { return ids_.next(); }
  // A report of ours with the null reverse-path, to one recipient. `received` is its Received: field, `text` the rest; all is
  // borrowed until it is durable. Returns its bytes. Suspends.
  [[nodiscard]] Task<Result<std::uint64_t>> store_report(spool::MessageId id, WallTime now, std::string_view to,
                                                         std::string_view received, std::string_view text);
  // The message of `record`, which lies in a segment in `from`, once more, the same in all that counts, under another key. It
  // is nobody's message until the journal says so. A side file is not copied but gets another name here. Errors beside those of
  // the disk: unsupported (a kind that cannot be copied), bad_format, too_large. Suspends.
  [[nodiscard]] Task<Result<StoredCopy>> store_copy(spool::Record record, std::string from);
  // Removes side files that no record here names: what crashes leave. Suspends; ends early when stop is requested.
  [[nodiscard]] Task<Result<std::uint64_t>> sweep(StopSource& stop);
  [[nodiscard]] Task<void> tidy() { return writer_.tidy(); }
  [[nodiscard]] Task<void> stop();
  void end_of_turn() override { writer_.flush(); }

  // For the one who reads what is stored here. It is never woken: poke it after a commit.
  [[nodiscard]] spool::Subscriber subscriber() { return spool::Subscriber(slot_, -1); }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] const spool::RecoveryReport& recovery() const noexcept { return writer_.recovery(); }

 private:
  // Names the file at `path` here, durably, as well. Suspends.
  [[nodiscard]] Task<Result<void>> adopt_side_file(std::string path, std::string name);

  FileSystem& files_;
  std::string directory_;
  std::vector<std::string> found_side_files_;  // when it started
  bool has_side_files_ = false;                // their directory is there, durably
  BlockPool blocks_;
  spool::DoorbellSlot slot_{};
  spool::Publisher publisher_;
  spool::SegmentWriter writer_;
  spool::MessageIds ids_;
};

}  // namespace postern::delivery
