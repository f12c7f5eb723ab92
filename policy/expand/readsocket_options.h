// The third argument of ${readsocket: a time, and options behind colons ("5s:shutdown=no:tls=yes").
#pragma once

#include <string>
#include <string_view>

#include "policy/expand/services.h"

namespace postern::expand {

// False when it cannot be read; then `why` says what is wrong.
[[nodiscard]] bool read_socket_options(std::string_view text, ReadSocketQuestion& question, std::string& why);

}  // namespace postern::expand
