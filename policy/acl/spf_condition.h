// The conditions spf and spf_guess.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_spf(Doing& doing);
[[nodiscard]] Task<Truth> ask_spf(Doing& doing);
[[nodiscard]] Truth test_spf_guess(Doing& doing);
[[nodiscard]] Task<Truth> ask_spf_guess(Doing& doing);

}  // namespace postern::acl
