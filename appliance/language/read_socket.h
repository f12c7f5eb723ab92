// ${readsocket{address}{request}...}.
#pragma once

#include "appliance/language/shard_language.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "policy/expand/services.h"

namespace postern::language {

inline constexpr std::size_t kSocketBytesMax = 256 * 1024;  // of one answer; a longer one fails

// Connects, sends the request, and gives all that comes until the other side ends. Suspends, at most for the question's
// timeout. The texts of the question stay until then. Everything that goes wrong is `failed`, in Exim's words.
[[nodiscard]] Task<expand::Answer> read_socket(ShardLanguage& language, expand::ReadSocketQuestion question, Wait wait);

}  // namespace postern::language
