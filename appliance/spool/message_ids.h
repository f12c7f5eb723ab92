// A shard's source of message ids, with the little that has to be on the disk for them: the file `ids` in the shard's directory
// holds the boot number and a second that no id has passed yet.
//
//   postern-ids 1
//   boot 17
//   seconds 1763712345
//
// A start takes the next boot number, begins behind those seconds or at the present ones, whichever are later, and writes
// seconds ahead of the clock (kLeaseSeconds) before the first id; while it runs it renews them in time. So ids never go back,
// whatever the clock does over a restart; after a crash they may be ahead of the clock by up to kLeaseSeconds. A clean stop
// writes the exact seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/spool/message_id.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

struct MessageIdState {
  std::uint64_t boot = 0;
  std::uint64_t seconds = 0;  // no id issued so far has more

  friend bool operator==(const MessageIdState&, const MessageIdState&) = default;
};
[[nodiscard]] std::string format_message_id_state(const MessageIdState& state);
// Nothing when `text` is not exactly such a file.
[[nodiscard]] std::optional<MessageIdState> parse_message_id_state(std::string_view text) noexcept;

// One shard. The FileSystem outlives it. Destroyed only before start() or after stop().
class MessageIds {
 public:
  // `directory` exists and is this shard's alone (its lock is held).
  MessageIds(FileSystem& files, std::string directory, ShardId shard);

  // Reads and rewrites `ids` durably, and begins to renew it. Suspends. bad_format when the file does not read as it should:
  // ids could repeat, so nothing starts until a person has looked; any error of the disk.
  [[nodiscard]] Task<Result<void>> start();
  // The next id by the scheduler's wall clock; never suspends, never allocates. busy only when renewing has failed for so long
  // that the counter ran out: answer 451. Checked: started.
  [[nodiscard]] Result<MessageId> next();
  // Ends renewing and writes the exact seconds. Once, after start() succeeded.
  [[nodiscard]] Task<void> stop();

  [[nodiscard]] std::uint64_t boot() const noexcept { return state_.boot; }

  static constexpr std::uint64_t kLeaseSeconds = 60;

 private:
  [[nodiscard]] Task<Result<void>> write_state();
  [[nodiscard]] Task<void> keep_renewing();

  FileSystem& files_;
  std::string path_;
  ShardId shard_;
  MessageIdState state_;
  std::optional<MessageIdGenerator> generator_;
  StopSource stop_;
  Gate gate_;
};

}  // namespace postern::spool
