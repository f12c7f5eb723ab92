// What the modifiers of ACL statements do. Each is a TestFn that says yes, or what is wrong; see conditions.h.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth add_header(Doing& doing);
[[nodiscard]] Truth remove_header(Doing& doing);
[[nodiscard]] Truth proceed(Doing& doing);  // continue
[[nodiscard]] Truth set_control(Doing& doing);
[[nodiscard]] Truth log_reject_target(Doing& doing);
[[nodiscard]] Truth logwrite(Doing& doing);
[[nodiscard]] Truth assign(Doing& doing);  // set
[[nodiscard]] Truth test_delay(Doing& doing);
[[nodiscard]] Task<Truth> delay(Doing& doing);

}  // namespace postern::acl
