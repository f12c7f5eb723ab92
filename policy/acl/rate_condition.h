// The conditions that ask other places than the session: ratelimit and dnslists.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_rate(Doing& doing);
[[nodiscard]] Task<Truth> ask_rate(Doing& doing);

[[nodiscard]] Truth test_dnslists(Doing& doing);
[[nodiscard]] Task<Truth> ask_dnslists(Doing& doing);

}  // namespace postern::acl
