// One process per directory.
#pragma once

#include <string>

#include "appliance/spool/unique_fd.h"
#include "engine/base/result.h"

namespace postern::spool {

// An flock on the directory itself, for as long as this object lives. The kernel lets go of it when the process ends, however
// it ends.
class DirectoryLock {
 public:
  // Tries for `wait_ms`, because a predecessor that was killed may still be going; blocks the thread meanwhile, so only before
  // the loop runs. Errors: busy (somebody else holds it), not_found, denied.
  [[nodiscard]] static Result<DirectoryLock> acquire(const std::string& directory, int wait_ms = 2000);

 private:
  explicit DirectoryLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace postern::spool
