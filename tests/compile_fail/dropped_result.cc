// A Result that nobody looks at is a failure that nobody sees.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/base/result.h"

postern::Result<int> read_something();

int use() {
#ifdef POSTERN_MISUSE
  read_something();
#endif
  const postern::Result<int> kept = read_something();
  return kept ? *kept : 0;
}
