// A shard with a listener, and peers that are plain sockets, for tests that need to misbehave.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/ring/buffer_group.h"
#include "engine/ring/ring.h"
#include "engine/shard/loop.h"
#include "net/transport/listener.h"
#include "net/transport/socket.h"

namespace postern::transport {

// A client the kernel knows and no ring does. Never blocks.
class RawPeer {
 public:
  explicit RawPeer(SocketAddress to) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    const unsigned length = to.to_sockaddr(address);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), length), 0);
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // As many bytes as the kernel takes now.
  std::size_t send(std::string_view bytes) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // What has come in. `ended` is set when the other side has, in good order or not.
  std::string receive() {
    std::string all;
    char buffer[65536];
    for (;;) {
      const ssize_t count = ::recv(descriptor_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (count > 0) {
        all.append(buffer, static_cast<std::size_t>(count));
        continue;
      }
      ended = ended || count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return all;
    }
  }
  void shutdown() { EXPECT_EQ(::shutdown(descriptor_, SHUT_WR), 0); }
  // Ends the connection with a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  bool ended = false;

 private:
  int descriptor_;
};

struct RigOptions {
  unsigned direct_descriptors = 64;
  std::uint32_t small_buffers = 64;
  std::uint32_t large_buffers = 16;
  std::size_t accepts_at_once = 4;
};

// One shard whose listener hands its connections to whoever asks.
class Rig : public ConnectionHandler {
 public:
  explicit Rig(const RigOptions& options = {}) : loop_(clock_) {
    ring_ =
        std::move(*ring::Ring::create({.sq_entries = 64, .cq_entries = 512, .direct_descriptors = options.direct_descriptors}));
    small_ = std::move(*ring::BufferGroup::create(*ring_, 1, options.small_buffers, 2048));
    large_ = std::move(*ring::BufferGroup::create(*ring_, 2, options.large_buffers, 32768));
    loop_.add(*ring_);
    loop_.set_sleeper(*ring_);
    pool_.emplace(StreamPool{*ring_, *small_, *large_});
    const int descriptor = *listen_on({IpAddress::v4(0x7f000001), 0}, {});
    address_ = *bound_address(descriptor);
    listener_.emplace(*pool_, descriptor, address_, *this, options.accepts_at_once);
    slots_ = ring_->free_slots();
  }

  // Runs `test` with the listener started, and checks afterwards that everything has come back.
  void run(Task<void> test) {
    loop_.run(play(*this, std::move(test)));
    accepted_.clear();
    EXPECT_EQ(ring_->free_slots(), slots_);
    EXPECT_EQ(small_->free_buffers(), small_->buffers());
    EXPECT_EQ(large_->free_buffers(), large_->buffers());
    EXPECT_EQ(ring_->operations_in_flight(), 1U) << "only the ring's own wake-up read";
  }

  // The next connection that comes in.
  Task<std::unique_ptr<Stream>> accept() {
    while (accepted_.empty()) {
      arrived_.clear();
      const Result<void> waited = co_await arrived_.wait(soon());
      EXPECT_TRUE(waited) << "no connection came";
      if (!waited) co_return nullptr;
    }
    std::unique_ptr<Stream> stream = std::move(accepted_.front());
    accepted_.erase(accepted_.begin());
    co_return stream;
  }
  void on_connection(std::unique_ptr<Stream> stream) override {
    accepted_.push_back(std::move(stream));
    arrived_.set();
  }

  [[nodiscard]] Wait soon() const { return {loop_.now().plus_ms(20'000), nullptr}; }
  [[nodiscard]] Wait within_ms(std::int64_t ms) const { return {loop_.now().plus_ms(ms), nullptr}; }
  static Task<void> pause_ms(std::int64_t ms) {
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(ms)));
  }
  Chain text(std::string_view bytes, std::size_t piece = 1000) {
    Chain chain;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), piece)))
      chain.append(copy_to_slice(blocks_, bytes.substr(0, piece)));
    return chain;
  }

  SystemClock clock_;
  shard::Loop loop_;
  std::unique_ptr<ring::Ring> ring_;
  std::unique_ptr<ring::BufferGroup> small_;
  std::unique_ptr<ring::BufferGroup> large_;
  BlockPool blocks_;
  std::optional<StreamPool> pool_;
  std::optional<Listener> listener_;
  SocketAddress address_;
  std::vector<std::unique_ptr<Stream>> accepted_;
  Event arrived_;
  std::size_t slots_ = 0;

 private:
  static Task<void> play(Rig& rig, Task<void> test) {
    rig.listener_->start();
    co_await test;
    co_await rig.listener_->stop();
    for (auto& stream : rig.accepted_) co_await stream->close();
  }
};

inline std::string pattern(std::size_t size, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>('!' + random.below(90));
  return bytes;
}

}  // namespace postern::transport
