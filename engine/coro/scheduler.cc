#include "engine/coro/scheduler.h"

#include "engine/base/check.h"

namespace postern::inline coro {
namespace {
thread_local Scheduler* current_scheduler = nullptr;
}

Scheduler& Scheduler::current() noexcept {
  POSTERN_CHECK(current_scheduler != nullptr);
  return *current_scheduler;
}

void Scheduler::set_current(Scheduler* scheduler) noexcept { current_scheduler = scheduler; }

}  // namespace postern::inline coro
