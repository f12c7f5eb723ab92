// Awaiting does not use up a Result: the failure must still be looked at.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/base/result.h"
#include "engine/coro/task.h"

postern::Task<postern::Result<int>> commit();

postern::Task<bool> end_of_data() {
#ifdef POSTERN_MISUSE
  co_await commit();
#endif
  const postern::Result<int> committed = co_await commit();
  co_return committed.has_value();
}
