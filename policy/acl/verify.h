// The condition `verify`.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_verify(Doing& doing);
[[nodiscard]] Task<Truth> verify(Doing& doing);

}  // namespace postern::acl
