// The condition `verify`.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_verify(Doing& doing);
[[nodiscard]] Task<Truth> verify(Doing& doing);

// What a client is told of a sender that failed, in front of the reply: lines, LF between them.
[[nodiscard]] std::string sender_details(const VerifiedSender& sender);

}  // namespace postern::acl
