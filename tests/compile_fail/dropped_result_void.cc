// The same for a Result that carries nothing but success.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/base/result.h"

postern::Result<void> write_something();

bool use() {
#ifdef POSTERN_MISUSE
  write_something();
#endif
  return write_something().has_value();
}
