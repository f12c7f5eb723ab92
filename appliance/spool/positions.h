// How far each shard is durable, as text: what ingress answers to a delivery process that shares no doorbell with it.
//
//   positions := line*                                            one a shard, shards in rising order
//   line      := shard SP number SP incarnation SP offset LF      number and incarnation in hexadecimal
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/spool/doorbell.h"
#include "engine/base/ids.h"

namespace postern::spool {

struct ShardPosition {
  ShardId shard;
  DurablePosition position;

  friend bool operator==(const ShardPosition&, const ShardPosition&) = default;
};

[[nodiscard]] std::string format_positions(std::span<const ShardPosition> positions);
// Nothing when any of it does not read, or there are more lines than shards can be.
[[nodiscard]] std::optional<std::vector<ShardPosition>> parse_positions(std::string_view text);

}  // namespace postern::spool
