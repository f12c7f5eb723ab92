// A write whose outcome nobody looks at is not durable.
// expect: ignoring return value of function declared with 'nodiscard' attribute
#include "engine/io/file.h"

postern::Task<bool> commit(postern::File& file, std::span<const std::byte> bytes) {
#ifdef POSTERN_MISUSE
  co_await file.write_durable(bytes, 0);
#endif
  const postern::Result<std::size_t> written = co_await file.write_durable(bytes, 0);
  co_return written && *written == bytes.size();
}
