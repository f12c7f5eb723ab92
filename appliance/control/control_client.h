// Asking a running process. For command-line programs: blocks.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace postern::control {

// Sends `command` to the socket at `path` and returns the whole answer. Errors: not_found or refused (nobody runs there),
// denied, timed_out (`timeout_s` without a byte), too_large (over 16 MiB).
[[nodiscard]] Result<std::string> ask(const std::string& path, std::string_view command, int timeout_s = 5);

}  // namespace postern::control
