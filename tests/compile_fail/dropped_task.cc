// A Task that is not awaited never runs.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/coro/task.h"

postern::Task<void> say_goodbye();

postern::Task<void> end_session() {
#ifdef POSTERN_MISUSE
  say_goodbye();
#endif
  co_await say_goodbye();
}
