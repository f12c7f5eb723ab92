#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace postern::limit {

// Ends the program when `result` is an error as io_uring and liburing report it (a negative errno); else returns it.
inline int expect(int result, const char* what) {
  if (result >= 0) return result;
  std::fprintf(stderr, "postern-limit: %s: %s\n", what, std::strerror(-result));
  std::exit(1);
}

}  // namespace postern::limit
