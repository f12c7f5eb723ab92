// Rates over all shards: each key belongs to one shard, which is asked by mailbox; each shard keeps its keys in a file.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"
#include "net/transport/runtime.h"
#include "policy/ratelimit/rate_table.h"

namespace postern::ingress {

class RateKeeper;

// The keepers of all shards of the process. Outlives them.
class RateShards {
 public:
  explicit RateShards(std::uint32_t shards) : keepers_(shards) {}
  [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(keepers_.size()); }
  [[nodiscard]] std::uint32_t owner_of(std::string_view key) const noexcept;

 private:
  friend class RateKeeper;
  std::vector<RateKeeper*> keepers_;  // set before the shards meet at the start line, constant from then on
  std::atomic<std::uint32_t> left_{0};
};

// One shard's.
class RateKeeper {
 public:
  // In the spool directory. A file for each shard; after the number of shards has changed, each takes its keys from all.
  static constexpr const char* kDirectory = "ratelimit";
  static constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;
  static constexpr std::int64_t kAnswerMsMax = 5'000;
  // At other shards, at a time, from all shards together; those beyond it wait. Questions and answers fit into mailboxes then.
  static constexpr std::uint32_t kAsksMax = 96;

  RateKeeper(RateShards& shards, std::uint32_t shard, transport::Runtime& runtime);
  RateKeeper(const RateKeeper&) = delete;
  RateKeeper& operator=(const RateKeeper&) = delete;

  // At once where the key is this shard's; nothing otherwise.
  [[nodiscard]] std::optional<ratelimit::Verdict> ask_now(const ratelimit::Question& question);
  // Asks the shard whose key it is. Nothing: it did not answer in time.
  [[nodiscard]] Task<std::optional<ratelimit::Verdict>> ask(ratelimit::Question question);

  // Before the start line. What cannot be read is left out, and told.
  [[nodiscard]] Task<Result<void>> load(FileSystem& files);
  // Writes the file when something has changed since. Atomic.
  [[nodiscard]] Task<Result<void>> save(FileSystem& files);
  // No more questions from this shard; suspends until no shard has any.
  [[nodiscard]] Task<void> leave();

 private:
  struct Letter;

  RateShards& shards_;
  const std::uint32_t shard_;
  transport::Runtime& runtime_;
  ratelimit::RateTable table_;
  std::uint64_t saved_changes_ = 0;
  Semaphore asks_;
  Event all_left_;
};

}  // namespace postern::ingress
