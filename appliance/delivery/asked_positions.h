// How far ingress is durable, asked of it: for a delivery process without a doorbell, or with one that was lost.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "appliance/spool/doorbell.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/connector.h"

namespace postern::delivery {

// One shard. The connector outlives it.
class AskedPositions {
 public:
  // `path`: ingress' control socket.
  AskedPositions(Connector& connector, BlockPool& blocks, std::string path);

  // The latest answer for a shard; nothing while there was none. Stays in its place for as long as this lives.
  [[nodiscard]] const std::optional<spool::DurablePosition>& of(ShardId shard) { return positions_[shard]; }
  // Asks once; true when any position changed. What was durable stays so: an ingress that does not answer (not_found, refused,
  // timed_out) takes nothing back. bad_format: it answers something else. Suspends, 5 seconds at most.
  [[nodiscard]] Task<Result<bool>> ask(StopSource& stop);

 private:
  [[nodiscard]] Task<Result<std::string>> exchange(Stream& stream, Wait wait);

  Connector& connector_;
  BlockPool& blocks_;
  std::string path_;
  std::map<ShardId, std::optional<spool::DurablePosition>> positions_;
};

}  // namespace postern::delivery
