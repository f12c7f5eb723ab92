#include "net/transport/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace postern::transport {
namespace {

Result<int> close_and_fail(int descriptor, const char* where) {
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  return failure_from_errno(error, where);
}

bool set_option(int descriptor, int level, int name) {
  const int on = 1;
  return ::setsockopt(descriptor, level, name, &on, sizeof on) == 0;
}

Result<int> bind_to(SocketAddress local, bool share_port) {
  const int descriptor = ::socket(local.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure_from_errno(errno, "socket");
  if (!set_option(descriptor, SOL_SOCKET, SO_REUSEADDR)) return close_and_fail(descriptor, "set SO_REUSEADDR");
  if (share_port && !set_option(descriptor, SOL_SOCKET, SO_REUSEPORT)) return close_and_fail(descriptor, "set SO_REUSEPORT");
  if (local.address.is_v6() && !set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY))
    return close_and_fail(descriptor, "set IPV6_V6ONLY");
  if (!set_option(descriptor, IPPROTO_TCP, TCP_NODELAY)) return close_and_fail(descriptor, "set TCP_NODELAY");
  sockaddr_storage address{};
  const unsigned length = local.to_sockaddr(address);
  if (::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length) != 0) return close_and_fail(descriptor, "bind");
  return descriptor;
}

}  // namespace

Result<int> bind_for_listening(SocketAddress local, const ListenOptions& options) { return bind_to(local, options.share_port); }

Result<int> listen_on(SocketAddress local, const ListenOptions& options) {
  const auto descriptor = bind_to(local, options.share_port);
  if (!descriptor) return descriptor;
  if (::listen(*descriptor, options.backlog) != 0) return close_and_fail(*descriptor, "listen");
  return descriptor;
}

Result<int> listen_on_path(const std::string& path, unsigned permissions) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure_from_errno(ENAMETOOLONG, "bind control socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure_from_errno(errno, "socket");
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0777U & ~permissions);
  const int bound = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::umask(mask);
  if (bound != 0) return close_and_fail(descriptor, "bind control socket");
  if (::listen(descriptor, 16) != 0) return close_and_fail(descriptor, "listen");
  return descriptor;
}

Result<SocketAddress> bound_address(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return failure_from_errno(errno, "getsockname");
  const auto bound = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  if (!bound) return failure(Errc::unsupported, "getsockname");
  return *bound;
}

bool port_is_free(SocketAddress local) {
  // Binding alone tells: the kernel lets two sockets have a port only while neither listens. To listen for a moment would take
  // in a client and drop it.
  const auto descriptor = bind_to(local, false);
  if (!descriptor) return false;
  ::close(*descriptor);
  return true;
}

}  // namespace postern::transport
