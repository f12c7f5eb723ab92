// A read that is not awaited reads nothing.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/io/stream.h"

postern::Task<void> skip(postern::Stream& stream, postern::Wait wait) {
#ifdef POSTERN_MISUSE
  stream.read(wait);
#endif
  const postern::Result<postern::Slice> skipped = co_await stream.read(wait);
  static_cast<void>(skipped.has_value());
}
