// ${run{program argument ...}}.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/expand/services.h"

namespace postern::language {

inline constexpr std::size_t kProgramOutputMax = 256 * 1024;  // standard output and standard error together
inline constexpr std::int64_t kProgramMs = 60'000;            // as in Exim

// One program: started by posix_spawn without a shell, in a process group of its own, as the user of this process, with the
// environment that the configuration gives it, /dev/null as its input, and no descriptor of ours. Owns all it needs, for a
// thread that outlives whoever asked.
struct ProgramJob {
  std::vector<std::string> arguments;    // the first is the program's absolute name
  std::vector<std::string> environment;  // NAME=value
  std::int64_t time_ms = kProgramMs;
  std::atomic<bool> given_up{false};  // nobody waits any more: the program is killed

  // Blocks until it has ended. `found`, whatever its exit status, which is the answer's code; 127 when it cannot be started.
  // `failed`: it took too long, wrote too much, or was killed by a signal.
  [[nodiscard]] expand::Answer run();
};

}  // namespace postern::language
