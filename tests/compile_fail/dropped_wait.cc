// A wait that was cut short looks like any other until its Result is looked at.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/coro/event.h"
#include "engine/coro/task.h"

postern::Task<bool> wait_for(postern::Event& event, postern::Wait wait) {
#ifdef POSTERN_MISUSE
  co_await event.wait(wait);
#endif
  const postern::Result<void> waited = co_await event.wait(wait);
  co_return waited.has_value();
}
