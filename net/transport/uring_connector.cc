#include "net/transport/uring_connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/transport/socket.h"

namespace postern::transport {
namespace {

struct Destination {
  sockaddr_storage address{};
  socklen_t length = 0;
};

// Owns the address until the kernel has done with it; outlives the frame that waits only because connect() awaits the end.
class Connect final : public ring::Operation {
 public:
  explicit Connect(const Destination& to) : to_(to) {}
  void submit(ring::Ring& ring, int slot) {
    io_uring_sqe& sqe = ring.prepare(*this);
    io_uring_prep_connect(&sqe, slot, reinterpret_cast<sockaddr*>(&to_.address), to_.length);
    sqe.flags |= IOSQE_FIXED_FILE;
  }
  Event done;
  int result = 0;

 private:
  void on_completion(const ring::Completion& completion) override {
    result = completion.result;
    done.set();
  }
  Destination to_;
};

Result<int> open_tcp_socket(SocketAddress to, std::optional<IpAddress> from) {
  const int descriptor = ::socket(to.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure_from_errno(errno, "socket");
  const int on = 1;
  bool good = ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
  if (good && from) {
    sockaddr_storage address{};
    const unsigned length = SocketAddress{*from, 0}.to_sockaddr(address);
    good = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length) == 0;
  }
  if (good) return descriptor;
  const int error = errno;
  ::close(descriptor);
  return failure_from_errno(error, from ? "bind outgoing address" : "set TCP_NODELAY");
}

// Installs a socket as a direct descriptor; the ordinary one is closed.
Result<int> move_to_slot(ring::Ring& ring, int descriptor) {
  const int slot = ring.take_slot();
  Result<void> installed =
      slot < 0 ? Result<void>(failure(Errc::too_large, "direct descriptors")) : ring.install(slot, descriptor);
  ::close(descriptor);
  if (installed) return slot;
  if (slot >= 0) ring.give_slot(slot);
  return failure(installed.error());
}

Task<Result<std::unique_ptr<Stream>>> connect_socket(StreamPool& pool, int descriptor, Destination to, Endpoints endpoints,
                                                     Wait wait) {
  const auto slot = move_to_slot(pool.ring, descriptor);
  if (!slot) co_return failure(slot.error());
  auto operation = std::make_unique<Connect>(to);
  operation->submit(pool.ring, *slot);
  const Result<void> waited = co_await operation->done.wait(wait);
  if (!waited) {
    pool.ring.cancel(*operation);
    static_cast<void>(co_await operation->done.wait());
  }
  if (waited && operation->result == 0) co_return std::unique_ptr<Stream>(new UringStream(pool, *slot, endpoints));
  static_cast<void>(pool.ring.install(*slot, -1).has_value());
  pool.ring.give_slot(*slot);
  if (!waited) co_return failure(waited.error().code, "connect");
  co_return failure_from_errno(-operation->result, "connect");
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> UringConnector::connect(SocketAddress to, std::optional<IpAddress> from, Wait wait) {
  const auto descriptor = open_tcp_socket(to, from);
  if (!descriptor) co_return failure(descriptor.error());
  Destination destination;
  destination.length = to.to_sockaddr(destination.address);
  co_return co_await connect_socket(pool_, *descriptor, destination, {to, {from.value_or(IpAddress()), 0}}, wait);
}

Task<Result<std::unique_ptr<Stream>>> UringConnector::connect_path(std::string path, Wait wait) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) co_return failure_from_errno(ENAMETOOLONG, "connect");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) co_return failure_from_errno(errno, "socket");
  Destination destination;
  destination.length = sizeof address;
  std::memcpy(&destination.address, &address, sizeof address);
  co_return co_await connect_socket(pool_, descriptor, destination, {}, wait);
}

}  // namespace postern::transport
