#include "appliance/control/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace postern::control {
namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;

class Socket {
 public:
  Socket() noexcept : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

Result<void> connect_to(int descriptor, const std::string& path, int timeout_s) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure_from_errno(ENAMETOOLONG, "control socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const timeval timeout{timeout_s, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return failure_from_errno(errno, "control socket");
  return {};
}

Result<void> send_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0) return failure_from_errno(errno, "ask");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

Result<std::string> ask(const std::string& path, std::string_view command, int timeout_s) {
  const Socket socket;
  if (socket.get() < 0) return failure_from_errno(errno, "control socket");
  if (auto connected = connect_to(socket.get(), path, timeout_s); !connected) return failure(connected.error());
  if (auto sent = send_all(socket.get(), std::string(command) + "\n"); !sent) return failure(sent.error());
  std::string answer;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (count == 0) return answer;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure_from_errno(errno == EAGAIN ? ETIMEDOUT : errno, "answer");
    if (answer.size() + static_cast<std::size_t>(count) > kAnswerBytesMax) return failure(Errc::too_large, "answer");
    answer.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace postern::control
