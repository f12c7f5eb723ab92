// One question over a connection of its own (RFC 7766): for replies that a datagram does not hold.
#pragma once

#include <string>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/connector.h"

namespace postern::dns {

// Suspends until the reply to `query` is there whole, or `wait` ends. Errors: those of connecting and reading; bad_format for a
// reply of no length. Connector and blocks outlive the call.
[[nodiscard]] Task<Result<std::string>> ask_over_stream(Connector& connector, BlockPool& blocks, SocketAddress server,
                                                        std::string query, Wait wait);

}  // namespace postern::dns
