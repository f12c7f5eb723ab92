#include "engine/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace postern::inline base {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "postern: %s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace postern::inline base
