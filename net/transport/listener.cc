#include "net/transport/listener.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace postern::transport {
namespace {

// After an error (out of descriptors or memory), and while no descriptor slot is free: when to look again.
constexpr std::int64_t kRetryAfterMs = 50;

}  // namespace

class Listener::Accept final : public ring::Operation {
 public:
  explicit Accept(Listener& listener) noexcept : listener_(listener) {}

  void submit(int slot) {
    slot_ = slot;
    length_ = sizeof address_;
    io_uring_sqe& sqe = listener_.pool_.ring.prepare(*this);
    io_uring_prep_accept_direct(&sqe, listener_.descriptor_, reinterpret_cast<sockaddr*>(&address_), &length_, 0,
                                static_cast<unsigned>(slot));
  }
  [[nodiscard]] int take_slot() noexcept { return std::exchange(slot_, -1); }
  [[nodiscard]] const sockaddr* address() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }

 private:
  void on_completion(const ring::Completion& completion) override { listener_.accepted(*this, completion.result); }
  Listener& listener_;
  int slot_ = -1;
  sockaddr_storage address_{};
  socklen_t length_ = 0;
};

class Listener::Retry final : public Timer {
 public:
  explicit Retry(Listener& listener) noexcept : listener_(listener) {}

 private:
  void on_timer() override { listener_.arm_idle(); }
  Listener& listener_;
};

Listener::Listener(StreamPool& pool, int descriptor, SocketAddress local, ConnectionHandler& handler,
                   std::size_t accepts_at_once)
    : pool_(pool), descriptor_(descriptor), local_(local), handler_(handler), retry_(std::make_unique<Retry>(*this)) {
  for (std::size_t i = 0; i < accepts_at_once; ++i) accepts_.push_back(std::make_unique<Accept>(*this));
}

Listener::~Listener() { ::close(descriptor_); }

void Listener::start() { arm_idle(); }

void Listener::arm_idle() {
  if (stopping_) return;
  for (const auto& accept : accepts_) {
    if (accept->in_flight()) continue;
    const int slot = pool_.ring.take_slot();
    if (slot < 0) return Scheduler::current().arm(*retry_, Scheduler::current().now().plus_ms(kRetryAfterMs));
    accept->submit(slot);
  }
}

void Listener::accepted(Accept& accept, int result) {
  const int slot = accept.take_slot();
  if (result < 0) {
    pool_.ring.give_slot(slot);
  } else {
    stats_.accepts.add();
    const auto peer = SocketAddress::from_sockaddr(accept.address());
    handler_.on_connection(std::make_unique<UringStream>(pool_, slot, Endpoints{peer.value_or(local_), local_}));
  }
  if (stopping_) {
    if (std::ranges::none_of(accepts_, [](const auto& a) { return a->in_flight(); })) quiet_.set();
    return;
  }
  const bool harmless = result >= 0 || result == -ECONNABORTED || result == -EINTR || result == -EAGAIN;
  if (!harmless) {
    stats_.accept_errors.add();
    return Scheduler::current().arm(*retry_, Scheduler::current().now().plus_ms(kRetryAfterMs));
  }
  if (const int next = pool_.ring.take_slot(); next >= 0)
    accept.submit(next);
  else
    Scheduler::current().arm(*retry_, Scheduler::current().now().plus_ms(kRetryAfterMs));
}

Task<void> Listener::stop() {
  stopping_ = true;
  Scheduler::current().disarm(*retry_);
  bool any = false;
  for (const auto& accept : accepts_) {
    any = any || accept->in_flight();
    pool_.ring.cancel(*accept);
  }
  if (any) static_cast<void>(co_await quiet_.wait());
}

}  // namespace postern::transport
