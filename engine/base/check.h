// Checks for our own mistakes. They stay on in release builds and never depend on bytes a peer sent: a peer's mistake is an
// outcome with a reply, never an abort.
#pragma once

namespace postern::inline base {

// Prints the failed condition with its place to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace postern::inline base

#define POSTERN_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::postern::check_failed(#condition, __FILE__, __LINE__))
