// Reading a PROXY header off a stream.
#pragma once

#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/stream.h"
#include "net/proxy/header.h"

namespace postern::proxy {

enum class ReadOutcome : std::uint8_t {
  read,
  failed,  // malformed, not complete in time, or the stream ended: what belongs to the header was taken off the stream
  absent,  // the peer sent something else, and all of it is unread
};

// Suspends until the stream has given a whole header, or `wait` ends. What lies behind the header is unread; nothing that came
// with it is received again. `header` is the default one unless it was read. Stream, pool and header outlive the task.
[[nodiscard]] Task<ReadOutcome> read_header(Stream& stream, BlockPool& pool, Wait wait, Header& header);

}  // namespace postern::proxy
