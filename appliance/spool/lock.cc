#include "appliance/spool/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>

namespace postern::spool {

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory, int wait_ms) {
  constexpr int kStepMs = 10;
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) return failure_from_errno(errno, "lock directory");
  for (;; wait_ms -= kStepMs) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return DirectoryLock(std::move(fd));
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return failure_from_errno(errno, "lock directory");
    if (wait_ms <= 0) return failure(Errc::busy, "lock directory");
    static_cast<void>(::poll(nullptr, 0, kStepMs));
  }
}

}  // namespace postern::spool
