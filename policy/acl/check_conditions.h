// The conditions that ask what a check of the message has found.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_spf(Doing& doing);
[[nodiscard]] Task<Truth> ask_spf(Doing& doing);
[[nodiscard]] Truth test_spf_guess(Doing& doing);
[[nodiscard]] Task<Truth> ask_spf_guess(Doing& doing);

[[nodiscard]] Truth test_dmarc_status(Doing& doing);
[[nodiscard]] Task<Truth> ask_dmarc_status(Doing& doing);

// "*", and "/defer_ok" behind it.
[[nodiscard]] Truth test_dcc(Doing& doing);
[[nodiscard]] Task<Truth> ask_dcc(Doing& doing);

}  // namespace postern::acl
