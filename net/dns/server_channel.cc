#include "net/dns/server_channel.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "net/dns/message.h"

namespace postern::dns {
namespace {

// Of the receipt's third and fourth byte: all but TC and the response code.
constexpr unsigned char kWithoutTruncation = 0xfd;
constexpr unsigned char kWithoutCode = 0xf0;

void start_library() {
  static const int started = ares_library_init(ARES_LIB_INIT_ALL);
  POSTERN_CHECK(started == ARES_SUCCESS);
}

}  // namespace

// Held by c-ares until it has called back, and by the asker until it goes away.
struct ServerChannel::Pending {
  ServerChannel& channel;
  std::uint16_t id;
  Event done;
  Result<std::string> reply = failure(Errc::timed_out, "ask DNS server");
};

struct ServerChannel::Hooks {
  static ServerChannel& self(void* data) { return *static_cast<ServerChannel*>(data); }

  static ares_socket_t open(int, int type, int, void* data) {
    if (type != SOCK_DGRAM) return ARES_SOCKET_BAD;  // connections are not its business
    return ++self(data).socket_number_;
  }
  static int connect(ares_socket_t, const sockaddr*, ares_socklen_t, void* data) {
    ServerChannel& channel = self(data);
    auto socket = channel.sockets_.connect(channel.server_, channel);
    if (!socket) {
      errno = socket.error().os_errno != 0 ? socket.error().os_errno : EIO;
      return -1;
    }
    channel.socket_ = std::move(*socket);
    return 0;
  }
  static int close(ares_socket_t, void* data) {
    ServerChannel& channel = self(data);
    if (channel.socket_) channel.closing_sockets_.start(close_socket(std::move(channel.socket_)));
    return 0;
  }
  static ares_ssize_t send(ares_socket_t, const iovec* parts, int count, void* data) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    const auto size = static_cast<ares_ssize_t>(bytes.size());
    self(data).socket_->send(std::move(bytes));
    return size;
  }
  static ares_ssize_t receive(ares_socket_t, void* to, std::size_t room, int, sockaddr* from, ares_socklen_t* from_length,
                              void* data) {
    ServerChannel& channel = self(data);
    if (channel.receipt_.empty()) {
      errno = std::exchange(channel.read_error_, 0);
      if (errno == 0) errno = EAGAIN;
      return -1;
    }
    const std::size_t size = std::min(room, channel.receipt_.size());
    std::memcpy(to, channel.receipt_.data(), size);
    channel.receipt_.clear();
    if (from != nullptr) {
      sockaddr_storage address{};
      const unsigned length = channel.server_.to_sockaddr(address);
      std::memcpy(from, &address, std::min<std::size_t>(length, *from_length));
      *from_length = length;
    }
    return static_cast<ares_ssize_t>(size);
  }
  static void answered(void* argument, int status, int, unsigned char*, int) {
    const std::unique_ptr<std::shared_ptr<Pending>> held(static_cast<std::shared_ptr<Pending>*>(argument));
    (*held)->channel.finished(status, **held);
  }

  static constexpr ares_socket_functions kFunctions{open, close, connect, receive, send};
};

ServerChannel::ServerChannel(DatagramSockets& sockets, Random& random, SocketAddress server, std::int64_t timeout_ms)
    : sockets_(sockets), random_(random), server_(server), timeout_ms_(timeout_ms) {
  start_library();
  ares_options options{};
  options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN | ARES_FLAG_IGNTC | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = static_cast<int>(timeout_ms);
  options.tries = 1;
  char files[] = "b";
  options.lookups = files;
  const int set = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
  // Fails for want of memory only, which ends the process anyway.
  POSTERN_CHECK(ares_init_options(&channel_, &options, set) == ARES_SUCCESS);
  ares_set_socket_functions(channel_, &Hooks::kFunctions, this);
  ares_addr_port_node node{};
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  std::memcpy(&node.addr, server.address.bytes().data(), server.address.is_v4() ? 4 : 16);
  node.udp_port = node.tcp_port = server.port;
  POSTERN_CHECK(ares_set_servers_ports(channel_, &node) == ARES_SUCCESS);
}

ServerChannel::~ServerChannel() { POSTERN_CHECK(channel_ == nullptr); }

Task<void> ServerChannel::close() {
  ares_destroy(std::exchange(channel_, nullptr));
  Scheduler::current().disarm(*this);
  co_await closing_sockets_.close();
}

// c-ares closes a socket from within what the socket told it.
Task<void> ServerChannel::close_socket(std::unique_ptr<DatagramSocket> socket) {
  co_await Yield{};
  co_await socket->close();
}

std::uint16_t ServerChannel::unused_id() {
  for (;;) {
    const auto id = static_cast<std::uint16_t>(random_.next());
    if (!ids_out_[id]) return id;
  }
}

Task<Result<std::string>> ServerChannel::ask(std::string query, Wait wait) {
  POSTERN_CHECK(query.size() >= kHeaderBytes);
  if (out_ >= kQuestionsMax) co_return failure(Errc::too_large, "questions to a DNS server");
  const auto pending = std::make_shared<Pending>(*this, unused_id());
  query[0] = static_cast<char>(pending->id >> 8U);
  query[1] = static_cast<char>(pending->id & 0xffU);
  ids_out_[pending->id] = true;
  ++out_;
  ares_send(channel_, reinterpret_cast<const unsigned char*>(query.data()), static_cast<int>(query.size()), Hooks::answered,
            std::make_unique<std::shared_ptr<Pending>>(pending).release());
  if (!pending->done.is_set() && !Timer::armed())
    Scheduler::current().arm(*this, Scheduler::current().now().plus_ms(timeout_ms_));
  const Result<void> waited = co_await pending->done.wait(wait);
  if (!waited) co_return failure(waited.error());
  co_return std::move(pending->reply);
}

void ServerChannel::finished(int status, Pending& pending) {
  ids_out_[pending.id] = false;
  --out_;
  if (status == ARES_SUCCESS && !reply_.empty())
    pending.reply = std::string(reply_);
  else if (status == ARES_ECONNREFUSED)
    pending.reply = failure(Errc::refused, "ask DNS server");
  else if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
    pending.reply = failure(Errc::stopped, "ask DNS server");
  else if (status != ARES_ETIMEOUT)
    pending.reply = failure(Errc::io, "ask DNS server");
  pending.done.set();
}

// The one place where c-ares looks around: at what was received, and at what has timed out.
void ServerChannel::process(bool readable) {
  if (channel_ != nullptr) ares_process_fd(channel_, readable && socket_ ? socket_number_ : ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void ServerChannel::on_datagram(std::string_view bytes) {
  const std::optional<ReplyHead> head = read_reply_head(bytes);
  if (!head || !ids_out_[head->id]) return;
  receipt_.assign(bytes.substr(0, head->question_end));
  receipt_[2] = static_cast<char>(static_cast<unsigned char>(receipt_[2]) & kWithoutTruncation);
  receipt_[3] = static_cast<char>(static_cast<unsigned char>(receipt_[3]) & kWithoutCode);
  std::fill(receipt_.begin() + 6, receipt_.begin() + kHeaderBytes, '\0');  // no records
  reply_ = bytes;
  process(true);
  reply_ = {};
  receipt_.clear();
}

void ServerChannel::on_datagram_error(const Error& error) {
  read_error_ = error.os_errno != 0 ? error.os_errno : EIO;
  process(true);
  read_error_ = 0;
}

void ServerChannel::on_timer() {
  process(false);
  arm_timeout();
}

// All questions have the same time, so the first to run out is the oldest: asked for only when a time has come.
void ServerChannel::arm_timeout() {
  if (out_ == 0 || channel_ == nullptr) return;
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return;
  const std::int64_t ms = left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
  Scheduler::current().arm(*this, Scheduler::current().now().plus_ms(ms));
}

}  // namespace postern::dns
