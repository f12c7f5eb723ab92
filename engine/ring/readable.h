// Waiting for a descriptor that only the kernel can tell about: an eventfd, a pipe.
#pragma once

#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/ring/ring.h"

namespace postern::ring {

// Suspends until `descriptor` (the caller's, open until the end) is readable, or the wait is cut short. Reads nothing. Errors:
// timed_out, stopped, or what the kernel says of the descriptor.
[[nodiscard]] Task<Result<void>> readable(Ring& ring, int descriptor, Wait wait);

}  // namespace postern::ring
