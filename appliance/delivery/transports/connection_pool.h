// Outgoing SMTP and LMTP connections between two messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "appliance/delivery/transports/next_hop.h"
#include "engine/base/clock.h"
#include "engine/base/counter.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"
#include "engine/smtp/client.h"

namespace postern::delivery {

// A stream with the session on it. Closed (awaiting close()) before it goes.
class SmtpConnection {
 public:
  // `open` counts it while it lives; it and `pool` outlive the connection.
  SmtpConnection(std::unique_ptr<Stream> stream, BlockPool& pool, smtp::ClientOptions options, Counter& open)
      : open_(open), stream_(std::move(stream)), client_(*stream_, pool, std::move(options)) {
    open_.add();
  }
  SmtpConnection(const SmtpConnection&) = delete;
  SmtpConnection& operator=(const SmtpConnection&) = delete;
  ~SmtpConnection() { open_.subtract(); }

  [[nodiscard]] smtp::Client& client() noexcept { return client_; }
  // Says QUIT where that is of use, and gives the stream back.
  [[nodiscard]] Task<void> close(StopSource* stop, std::int64_t wait_ms);

 private:
  Counter& open_;
  std::unique_ptr<Stream> stream_;
  smtp::Client client_;
};

// For one transport. One shard. Destroyed after close().
class ConnectionPool {
 public:
  explicit ConnectionPool(std::int64_t idle_ms) noexcept : idle_ms_(idle_ms) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // A usable connection to `hop` that nobody uses; nullptr when there is none.
  [[nodiscard]] std::unique_ptr<SmtpConnection> take(const NextHop& hop);
  // Keeps the connection for the next message, for a while, or closes it when it is of no more use. Not after close().
  void give_back(const NextHop& hop, std::unique_ptr<SmtpConnection> connection, bool reusable);
  // Closes what is idle and waits for all that is being closed; a fraction of a second. Once.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] std::size_t idle() const noexcept { return idle_count_; }

 private:
  struct Idle {
    Instant since;
    std::unique_ptr<SmtpConnection> connection;
  };
  // Closes what has been idle for long enough, while anything is idle.
  [[nodiscard]] Task<void> reap();
  void close_idle_since(Instant latest);
  void start_closing(std::unique_ptr<SmtpConnection> connection);
  [[nodiscard]] static Task<void> close_one(std::unique_ptr<SmtpConnection> connection, StopSource* stop, std::int64_t wait_ms);

  std::int64_t idle_ms_;
  std::size_t idle_count_ = 0;
  bool reaping_ = false;
  std::map<NextHop, std::list<Idle>> idle_;
  StopSource closing_;
  Gate gate_;
};

}  // namespace postern::delivery
