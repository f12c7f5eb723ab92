#include "engine/base/error.h"

#include <cerrno>
#include <cstring>

namespace postern::inline base {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::timed_out: return "timed out";
    case Errc::stopped: return "stopped";
    case Errc::closed: return "closed by the other side";
    case Errc::reset: return "connection lost";
    case Errc::refused: return "refused";
    case Errc::unreachable: return "unreachable";
    case Errc::disk_full: return "no space left";
    case Errc::in_doubt: return "write in doubt";
    case Errc::not_found: return "not found";
    case Errc::exists: return "exists already";
    case Errc::busy: return "in use";
    case Errc::too_large: return "over its limit";
    case Errc::bad_format: return "damaged or of an unknown format";
    case Errc::unsupported: return "not supported here";
    case Errc::denied: return "permission denied";
    case Errc::invalid: return "invalid";
    case Errc::io: return "input/output error";
  }
  return "unknown error";
}

namespace {

Errc classify(int os_errno) noexcept {
  switch (os_errno) {
    case ETIMEDOUT:
    case ETIME: return Errc::timed_out;
    case ECANCELED: return Errc::stopped;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED: return Errc::reset;
    case ECONNREFUSED: return Errc::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN: return Errc::unreachable;
    case ENOSPC:
    case EDQUOT: return Errc::disk_full;
    case ENOENT:
    case ENOTDIR: return Errc::not_found;
    case EEXIST: return Errc::exists;
    case EADDRINUSE:
    case EBUSY:
    case EWOULDBLOCK: return Errc::busy;
    case EMSGSIZE:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: return Errc::too_large;
    case ENOSYS:
    case EOPNOTSUPP: return Errc::unsupported;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::denied;
    case EINVAL: return Errc::invalid;
    default: return Errc::io;
  }
}

}  // namespace

Error error_from_errno(int os_errno, const char* where) noexcept { return Error{classify(os_errno), os_errno, where}; }

std::string describe(const Error& error) {
  std::string text(error.where);
  if (!text.empty()) text += ": ";
  if (error.os_errno != 0)
    text += ::strerrordesc_np(error.os_errno) != nullptr ? ::strerrordesc_np(error.os_errno) : "unknown errno";
  else
    text += to_string(error.code);
  return text;
}

}  // namespace postern::inline base
