#include "bench/limit/server.h"

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "bench/limit/dialogue.h"
#include "bench/limit/fail.h"
#include "bench/limit/journal.h"

namespace postern::limit {
namespace {

constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 16384;
constexpr unsigned kConnectionsMax = 4096;
constexpr unsigned kBuffers = 1024;
constexpr std::size_t kBufferBytes = 16384;
constexpr int kBufferGroup = 1;
// Of a client that goes on before its message is answered.
constexpr std::size_t kHeldBytesMax = std::size_t{64} << 10;

constexpr std::string_view kAccepted = "250 2.0.0 Ok\r\n";
constexpr std::string_view kBatchFull = "452 4.3.1 the batch is full\r\n";

enum class Kind : std::uint8_t { accept = 1, receive, send, write, delay, ignored };

std::uint64_t user_data_of(Kind kind, std::uint32_t slot = 0) { return static_cast<std::uint64_t>(kind) << 32 | slot; }

struct Connection {
  std::uint32_t slot = 0;
  bool ended = false;       // nothing more will be received
  bool sending = false;     // in_flight is the kernel's
  bool committing = false;  // its message is in a batch
  bool queued = false;      // in Server::replying_
  Dialogue dialogue;
  std::string replies;
  std::string in_flight;
  std::string held;  // received while committing
};

class Server {
 public:
  explicit Server(const Options& options);
  [[noreturn]] void run();

 private:
  void set_up_ring();
  void set_up_buffers();
  void listen_on(std::uint16_t port);

  io_uring_sqe& next_sqe();
  void arm_accept();
  void arm_receive(std::uint32_t slot);
  void give_back(unsigned buffer);

  void complete(const io_uring_cqe& cqe);
  void on_accept(const io_uring_cqe& cqe);
  void on_receive(const io_uring_cqe& cqe, Connection& connection);
  void on_send(const io_uring_cqe& cqe, Connection& connection);
  void on_write(const io_uring_cqe& cqe);

  void feed(Connection& connection, std::string_view input);
  void hold(Connection& connection, std::string_view input);
  void commit(Connection& connection);
  void committed(std::size_t batch);
  void queue_reply(Connection& connection);
  void send_replies();
  void start_write();
  void close_if_done(Connection& connection);

  Options options_;
  io_uring ring_{};
  int listener_ = -1;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  int given_back_ = 0;
  std::optional<Journal> journal_;
  __kernel_timespec delay_{};
  int written_ = 0;  // result of the write that the delay holds back
  std::vector<std::unique_ptr<Connection>> connections_{kConnectionsMax};
  std::vector<Connection*> replying_;
  std::array<std::vector<Connection*>, 2> waiting_;  // for the batch of that number
};

Server::Server(const Options& options) : options_(options) {
  set_up_ring();
  set_up_buffers();
  if (!options_.directory.empty()) journal_.emplace(ring_, options_.directory);
  delay_ = {.tv_sec = static_cast<std::int64_t>(options_.flush_delay_us / 1'000'000),
            .tv_nsec = static_cast<long long>(options_.flush_delay_us % 1'000'000 * 1'000)};
  listen_on(options_.port);
}

void Server::set_up_ring() {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_COOP_TASKRUN;
  parameters.cq_entries = kCompletions;
  expect(io_uring_queue_init_params(kSubmissions, &ring_, &parameters), "making the ring");
  expect(io_uring_register_ring_fd(&ring_), "registering the ring");
  expect(io_uring_register_files_sparse(&ring_, kConnectionsMax), "registering descriptors");
}

void Server::set_up_buffers() {
  const auto map = [](std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) expect(-errno, "memory for the receive buffers");
    return memory;
  };
  buffer_ring_ = static_cast<io_uring_buf_ring*>(map(kBuffers * sizeof(io_uring_buf)));
  buffers_ = static_cast<char*>(map(kBuffers * kBufferBytes));
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
  registration.ring_entries = kBuffers;
  registration.bgid = kBufferGroup;
  expect(io_uring_register_buf_ring(&ring_, &registration, 0), "registering the receive buffers");
  io_uring_buf_ring_init(buffer_ring_);
  for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
  io_uring_buf_ring_advance(buffer_ring_, given_back_);
  given_back_ = 0;
}

void Server::listen_on(std::uint16_t port) {
  const auto or_errno = [](int result) { return result < 0 ? -errno : result; };
  listener_ = expect(or_errno(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "socket");
  const int on = 1;
  expect(or_errno(::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)), "SO_REUSEADDR");
  expect(or_errno(::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)), "TCP_NODELAY");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  expect(or_errno(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address)), "binding the port");
  expect(or_errno(::listen(listener_, kConnectionsMax)), "listen");
}

io_uring_sqe& Server::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    expect(io_uring_submit(&ring_), "submitting");
    sqe = io_uring_get_sqe(&ring_);
  }
  return *sqe;
}

void Server::arm_accept() {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_multishot_accept_direct(&sqe, listener_, nullptr, nullptr, 0);
  sqe.user_data = user_data_of(Kind::accept);
}

void Server::arm_receive(std::uint32_t slot) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_recv_multishot(&sqe, static_cast<int>(slot), nullptr, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
  sqe.buf_group = kBufferGroup;
  sqe.user_data = user_data_of(Kind::receive, slot);
}

void Server::give_back(unsigned buffer) {
  io_uring_buf_ring_add(buffer_ring_, buffers_ + buffer * kBufferBytes, kBufferBytes, static_cast<std::uint16_t>(buffer),
                        io_uring_buf_ring_mask(kBuffers), given_back_++);
}

void Server::run() {
  arm_accept();
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const int submitted = io_uring_submit_and_wait(&ring_, 1);
    if (submitted != -EINTR) expect(submitted, "waiting");
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      complete(*cqe);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    io_uring_buf_ring_advance(buffer_ring_, given_back_);
    given_back_ = 0;
    send_replies();
    start_write();
  }
}

void Server::complete(const io_uring_cqe& cqe) {
  const auto slot = static_cast<std::uint32_t>(cqe.user_data);
  switch (static_cast<Kind>(cqe.user_data >> 32)) {
    case Kind::accept: return on_accept(cqe);
    case Kind::receive: return on_receive(cqe, *connections_[slot]);
    case Kind::send: return on_send(cqe, *connections_[slot]);
    case Kind::write: return on_write(cqe);
    case Kind::delay: return committed(journal_->written(written_));
    case Kind::ignored: return;
  }
}

void Server::on_accept(const io_uring_cqe& cqe) {
  expect(cqe.res, "accepting (it serves no more than 4096 connections)");
  const auto slot = static_cast<std::uint32_t>(cqe.res);
  connections_[slot] = std::make_unique<Connection>();
  Connection& connection = *connections_[slot];
  connection.slot = slot;
  connection.replies = kGreeting;
  queue_reply(connection);
  arm_receive(slot);
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
}

void Server::on_receive(const io_uring_cqe& cqe, Connection& connection) {
  if (cqe.res > 0) {
    const unsigned buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    feed(connection, {buffers_ + buffer * kBufferBytes, static_cast<std::size_t>(cqe.res)});
    give_back(buffer);
  }
  if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
  if (cqe.res > 0 || cqe.res == -ENOBUFS) return arm_receive(connection.slot);
  connection.ended = true;
  close_if_done(connection);
}

void Server::on_send(const io_uring_cqe& cqe, Connection& connection) {
  connection.sending = false;
  if (cqe.res < 0) connection.replies.clear();
  close_if_done(connection);
}

void Server::on_write(const io_uring_cqe& cqe) {
  if (options_.flush_delay_us == 0) return committed(journal_->written(cqe.res));
  written_ = cqe.res;
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_timeout(&sqe, &delay_, 0, 0);
  sqe.user_data = user_data_of(Kind::delay);
}

void Server::feed(Connection& connection, std::string_view input) {
  while (!input.empty()) {
    if (connection.committing) return hold(connection, input);
    input.remove_prefix(connection.dialogue.read(input, connection.replies));
    switch (connection.dialogue.state()) {
      case Dialogue::State::commands: break;
      case Dialogue::State::complete: commit(connection); break;
      case Dialogue::State::broken: return hold(connection, {});
    }
  }
  queue_reply(connection);
}

// Keeps input for later; a client that says too much, or too long a line, is cut off, and the receive ends by itself.
void Server::hold(Connection& connection, std::string_view input) {
  queue_reply(connection);
  connection.held += input;
  if (connection.dialogue.state() != Dialogue::State::broken && connection.held.size() <= kHeldBytesMax) return;
  connection.held.clear();
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_shutdown(&sqe, static_cast<int>(connection.slot), SHUT_RDWR);
  sqe.flags |= IOSQE_FIXED_FILE;
  sqe.user_data = user_data_of(Kind::ignored);
}

void Server::commit(Connection& connection) {
  if (!journal_) return connection.dialogue.answer(kAccepted, connection.replies);
  if (!journal_->add(connection.dialogue.message())) return connection.dialogue.answer(kBatchFull, connection.replies);
  connection.committing = true;
  waiting_[journal_->gathering()].push_back(&connection);
}

void Server::committed(std::size_t batch) {
  for (Connection* connection : waiting_[batch]) {
    connection->committing = false;
    connection->dialogue.answer(kAccepted, connection->replies);
    queue_reply(*connection);
    if (!connection->held.empty()) feed(*connection, std::exchange(connection->held, {}));
    close_if_done(*connection);
  }
  waiting_[batch].clear();
}

void Server::queue_reply(Connection& connection) {
  if (connection.queued || connection.replies.empty()) return;
  connection.queued = true;
  replying_.push_back(&connection);
}

void Server::send_replies() {
  std::size_t left = 0;
  for (Connection* connection : replying_) {
    if (connection->sending) {
      replying_[left++] = connection;
      continue;
    }
    connection->queued = false;
    if (connection->replies.empty()) {
      close_if_done(*connection);
      continue;
    }
    connection->in_flight.swap(connection->replies);
    connection->replies.clear();
    connection->sending = true;
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_send(&sqe, static_cast<int>(connection->slot), connection->in_flight.data(), connection->in_flight.size(),
                       MSG_WAITALL | MSG_NOSIGNAL);
    sqe.flags |= IOSQE_FIXED_FILE;
    sqe.user_data = user_data_of(Kind::send, connection->slot);
  }
  replying_.resize(left);
}

void Server::start_write() {
  if (!journal_ || !journal_->is_due()) return;
  io_uring_sqe& sqe = next_sqe();
  journal_->prepare_write(sqe);
  sqe.user_data = user_data_of(Kind::write);
}

void Server::close_if_done(Connection& connection) {
  if (!connection.ended || connection.sending || connection.committing || connection.queued) return;
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_close_direct(&sqe, connection.slot);
  sqe.user_data = user_data_of(Kind::ignored);
  connection.ended = false;
}

}  // namespace

void serve(const Options& options) { Server(options).run(); }

}  // namespace postern::limit
