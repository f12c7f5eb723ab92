#include "net/transport/uring_datagram.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "engine/coro/event.h"

namespace postern::transport {
namespace {

constexpr std::uint16_t kGroup = 3;

// What the network says of the other end; anything else ends the receiving.
bool is_absence(std::int32_t result) noexcept {
  return result == -ECONNREFUSED || result == -ENETUNREACH || result == -EHOSTUNREACH;
}

}  // namespace

class UringDatagrams::Socket final : public DatagramSocket {
 public:
  Socket(UringDatagrams& home, int descriptor, DatagramReceiver& receiver)
      : home_(home), descriptor_(descriptor), receiver_(receiver), receive_(*this) {
    arm();
  }
  ~Socket() override { POSTERN_CHECK(descriptor_ < 0); }

  void send(std::string bytes) override {
    if (closing_) return;
    std::unique_ptr<Send> send;
    if (!spare_.empty()) {
      send = std::move(spare_.back());
      spare_.pop_back();
    } else if (sends_ < kSendsMax) {
      ++sends_;
      send = std::make_unique<Send>(*this);
    } else {
      return;
    }
    ++flying_;
    send.release()->begin(std::move(bytes));
  }

  Task<void> close() override {
    closing_ = true;
    home_.buffers_->forget(receive_);
    if (receive_.in_flight()) home_.ring_.cancel(receive_);
    while (receive_.in_flight() || flying_ > 0) {
      quiet_.clear();
      static_cast<void>(co_await quiet_.wait());
    }
    ::close(std::exchange(descriptor_, -1));
  }

 private:
  class Receive final : public ring::Operation, public ring::BufferWaiter {
   public:
    explicit Receive(Socket& socket) noexcept : socket_(socket) {}
    void buffers_back() override { socket_.arm(); }

   private:
    void on_completion(const ring::Completion& completion) override { socket_.on_received(completion); }
    Socket& socket_;
  };

  // Owns itself while it flies, and its bytes.
  class Send final : public ring::Operation {
   public:
    explicit Send(Socket& socket) noexcept : socket_(socket) {}
    void begin(std::string bytes) {
      bytes_ = std::move(bytes);
      io_uring_sqe& sqe = socket_.home_.ring_.prepare(*this);
      io_uring_prep_send(&sqe, socket_.descriptor_, bytes_.data(), bytes_.size(), MSG_NOSIGNAL);
    }

   private:
    void on_completion(const ring::Completion& completion) override { socket_.on_sent(*this, completion); }
    Socket& socket_;
    std::string bytes_;
  };

  void arm() {
    if (closing_ || receive_.in_flight()) return;
    io_uring_sqe& sqe = home_.ring_.prepare(receive_);
    io_uring_prep_recv_multishot(&sqe, descriptor_, nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = home_.buffers_->id();
  }

  void on_received(const ring::Completion& completion) {
    Slice slice;
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) slice = home_.buffers_->take(completion);
    if (completion.final()) {
      if (closing_) return quiet_.set();
      if (completion.result == -ENOBUFS)
        home_.buffers_->wait_for_buffers(receive_);
      else if (completion.result >= 0 || is_absence(completion.result))
        arm();
    }
    if (closing_) return;
    if (completion.result < 0 && completion.result != -ENOBUFS)
      receiver_.on_datagram_error(error_from_errno(-completion.result, "receive datagram"));
    else if (completion.result > 0 && !slice.empty())  // an empty datagram is nobody's answer
      receiver_.on_datagram(slice.view());
  }

  void on_sent(Send& sent, const ring::Completion& completion) {
    --flying_;
    spare_.emplace_back(&sent);
    if (closing_) return quiet_.set();
    if (is_absence(completion.result)) receiver_.on_datagram_error(error_from_errno(-completion.result, "send datagram"));
  }

  UringDatagrams& home_;
  int descriptor_;
  DatagramReceiver& receiver_;
  Receive receive_;
  std::vector<std::unique_ptr<Send>> spare_;
  std::size_t sends_ = 0;   // made
  std::size_t flying_ = 0;  // of them
  bool closing_ = false;
  Event quiet_;  // while closing: something has ended
};

Result<std::unique_ptr<UringDatagrams>> UringDatagrams::create(ring::Ring& ring) {
  auto buffers = ring::BufferGroup::create(ring, kGroup, kBuffers, kBufferBytes);
  if (!buffers) return failure(buffers.error());
  return std::unique_ptr<UringDatagrams>(new UringDatagrams(ring, std::move(*buffers)));
}

Result<std::unique_ptr<DatagramSocket>> UringDatagrams::connect(SocketAddress to, DatagramReceiver& receiver) {
  sockaddr_storage address{};
  const unsigned length = to.to_sockaddr(address);
  const int descriptor = ::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure_from_errno(errno, "datagram socket");
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const int why = errno;
    ::close(descriptor);
    return failure_from_errno(why, "connect datagram socket");
  }
  return std::unique_ptr<DatagramSocket>(std::make_unique<Socket>(*this, descriptor, receiver));
}

}  // namespace postern::transport
