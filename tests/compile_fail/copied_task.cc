// A Task has one owner: a copy would be awaited a second time.
// expect: call to implicitly-deleted copy constructor of 'postern::Task<int>'
#include <utility>

#include "engine/coro/task.h"

postern::Task<int> pass_on(postern::Task<int> task) {
#ifdef POSTERN_MISUSE
  postern::Task<int> other = task;
#else
  postern::Task<int> other = std::move(task);
#endif
  co_return co_await other;
}
