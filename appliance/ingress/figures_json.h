// The figures of ingress as `postern stats --json` shows them.
#pragma once

#include <span>
#include <string>

#include "appliance/ingress/shard.h"

namespace postern::ingress {

// One JSON object: sums over all shards, and beside them what is worth seeing per shard.
[[nodiscard]] std::string figures_json(std::span<const ShardFigures> shards, const ConnectionLimits& limits,
                                       const control::ReloadStats& reload);

}  // namespace postern::ingress
