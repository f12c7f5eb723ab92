// Sleeping to the microsecond, for those to whom the millisecond of a Scheduler's timers is too coarse.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/ring/ring.h"

namespace postern::ring {

// Suspends until `when`, or until stop (may be nullptr). Costs an operation of the ring. Errors: stopped, or what the kernel
// says.
[[nodiscard]] Task<Result<void>> sleep_exactly(Ring& ring, Instant when, StopSource* stop);

}  // namespace postern::ring
