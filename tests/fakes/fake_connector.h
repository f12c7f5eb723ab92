// For tests: connections to fake servers by address.
#pragma once

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/ip_address.h"
#include "engine/coro/event.h"
#include "engine/io/connector.h"
#include "engine/smtp/fake_server.h"

namespace postern::smtp::testing {

class FakeConnector final : public Connector {
 public:
  // What answers at `to`; without one: refused.
  void listen(SocketAddress to, FakeServer& server) { listen(to, accept_by(server)); }
  void listen(std::string path, FakeServer& server) { listen(std::move(path), accept_by(server)); }
  // The same for servers of other protocols: called for each connection.
  using Accept = std::function<std::unique_ptr<Stream>()>;
  void listen(SocketAddress to, Accept accept) { servers_[to] = std::move(accept); }
  void listen(std::string path, Accept accept) { local_servers_[std::move(path)] = std::move(accept); }
  void fail(SocketAddress to, Errc error) { errors_[to] = error; }
  void clear(SocketAddress to) {
    servers_.erase(to);
    errors_.erase(to);
  }

  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress to, std::optional<IpAddress> from,
                                                              Wait wait) override {
    ++attempts[to];
    last_from = from;
    if (const Result<void> waited = co_await pause(wait); !waited) co_return failure(waited.error());
    if (const auto error = errors_.find(to); error != errors_.end()) co_return failure(error->second, "connect");
    const auto server = servers_.find(to);
    if (server == servers_.end()) co_return failure(Errc::refused, "connect");
    co_return server->second();
  }
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_local(std::string path, Wait wait) override {
    ++local_attempts[path];
    if (const Result<void> waited = co_await pause(wait); !waited) co_return failure(waited.error());
    const auto server = local_servers_.find(path);
    if (server == local_servers_.end()) co_return failure_from_errno(ENOENT, "connect");
    co_return server->second();
  }

  std::map<SocketAddress, int> attempts;
  std::map<std::string, int> local_attempts;
  std::optional<IpAddress> last_from;
  std::int64_t delay_ms = 0;

 private:
  Task<Result<void>> pause(Wait wait) {
    co_await Yield();
    if (delay_ms > 0) {
      const Instant until = Scheduler::current().now().plus_ms(delay_ms);
      static_cast<void>(co_await sleep_until(std::min(until, wait.deadline), wait.stop));
    }
    if (wait.stop != nullptr && wait.stop->stop_requested()) co_return failure(Errc::stopped, "connect");
    co_return Result<void>{};
  }

  [[nodiscard]] static Accept accept_by(FakeServer& server) {
    return [&server] { return std::make_unique<FakeServerStream>(server); };
  }

  std::map<SocketAddress, Accept> servers_;
  std::map<std::string, Accept> local_servers_;
  std::map<SocketAddress, Errc> errors_;
};

}  // namespace postern::smtp::testing
