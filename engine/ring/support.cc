#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "engine/ring/ring.h"

namespace postern::ring {
namespace {

constexpr int kMajorMin = 6;
constexpr int kMinorMin = 1;

bool kernel_is_older(const char* release, int major_min, int minor_min) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(release, "%d.%d", &major, &minor) != 2) return false;
  return major < major_min || (major == major_min && minor < minor_min);
}

std::string missing_operations() {
  struct NeededOperation {
    int code;
    const char* name;
  };
  static constexpr NeededOperation kNeeded[] = {
      {IORING_OP_ACCEPT, "ACCEPT"},     {IORING_OP_RECV, "RECV"},
      {IORING_OP_SEND, "SEND"},         {IORING_OP_SENDMSG, "SENDMSG"},
      {IORING_OP_CONNECT, "CONNECT"},   {IORING_OP_CLOSE, "CLOSE"},
      {IORING_OP_READ, "READ"},         {IORING_OP_WRITE_FIXED, "WRITE_FIXED"},
      {IORING_OP_FSYNC, "FSYNC"},       {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
      {IORING_OP_MSG_RING, "MSG_RING"}, {IORING_OP_SHUTDOWN, "SHUTDOWN"},
  };
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(io_uring_get_probe(), io_uring_free_probe);
  if (!probe) return "";
  std::string missing;
  for (const NeededOperation& needed : kNeeded)
    if (io_uring_opcode_supported(probe.get(), needed.code) == 0)
      missing += std::string(missing.empty() ? "" : ", ") + needed.name;
  return missing;
}

std::string explain_setup_error(int error) {
  switch (error) {
    case ENOSYS:
      return "this kernel has no io_uring (CONFIG_IO_URING is off, or a sandbox hides it); run on Linux 6.1 or later with it";
    case EPERM:
      return "io_uring is disabled for this process: set sysctl kernel.io_uring_disabled=0 (or 1 with io_uring_group), and "
             "allow "
             "io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile";
    case ENOMEM:
      return "the kernel refused memory for io_uring: raise the limit on locked memory (systemd: LimitMEMLOCK=infinity)";
    case EINVAL: return "this kernel does not know DEFER_TASKRUN; postern needs Linux 6.1 or later";
    default: return std::string("io_uring cannot be set up: ") + std::strerror(error);
  }
}

}  // namespace

std::string explain_ring_support() {
  utsname system{};
  if (::uname(&system) == 0 && kernel_is_older(system.release, kMajorMin, kMinorMin))
    return std::string("postern needs Linux 6.1 or later; this is ") + system.release;
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  if (const int error = io_uring_queue_init_params(4, &ring, &params); error < 0) return explain_setup_error(-error);
  io_uring_queue_exit(&ring);
  if (const std::string missing = missing_operations(); !missing.empty())
    return "this kernel's io_uring lacks " + missing + "; postern needs Linux 6.1 or later";
  return "";
}

}  // namespace postern::ring
