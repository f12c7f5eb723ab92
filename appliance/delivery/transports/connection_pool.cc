#include "appliance/delivery/transports/connection_pool.h"

#include <iterator>

#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

constexpr std::int64_t kPartingMs = 5'000;
constexpr std::int64_t kLastPartingMs = 200;  // while the process ends

}  // namespace

Task<void> SmtpConnection::close(StopSource* stop, std::int64_t wait_ms) {
  co_await client_.quit(stop, wait_ms);
  co_await stream_->close();
}

std::unique_ptr<SmtpConnection> ConnectionPool::take(const NextHop& hop) {
  const auto found = idle_.find(hop);
  if (found == idle_.end()) return nullptr;
  std::list<Idle>& waiting = found->second;
  std::unique_ptr<SmtpConnection> taken;
  while (!waiting.empty() && !taken) {
    // The one used last: the others may be left to end their time.
    std::unique_ptr<SmtpConnection> connection = std::move(waiting.back().connection);
    waiting.pop_back();
    --idle_count_;
    if (connection->client().usable())
      taken = std::move(connection);
    else
      start_closing(std::move(connection));
  }
  if (waiting.empty()) idle_.erase(found);
  return taken;
}

void ConnectionPool::give_back(const NextHop& hop, std::unique_ptr<SmtpConnection> connection, bool reusable) {
  if (!reusable || !connection->client().usable()) {
    start_closing(std::move(connection));
    return;
  }
  idle_[hop].push_back({Scheduler::current().now(), std::move(connection)});
  ++idle_count_;
  if (!std::exchange(reaping_, true)) gate_.start(reap());
}

Task<void> ConnectionPool::reap() {
  while (idle_count_ > 0) {
    const bool slept = co_await sleep_until(Scheduler::current().now().plus_ms(idle_ms_ / 2), &closing_);
    close_idle_since(slept ? Instant{Scheduler::current().now().ns - idle_ms_ * 1'000'000} : Instant::never());
  }
  reaping_ = false;
}

void ConnectionPool::close_idle_since(Instant latest) {
  for (auto host = idle_.begin(); host != idle_.end();) {
    std::list<Idle>& waiting = host->second;
    while (!waiting.empty() && waiting.front().since <= latest) {
      start_closing(std::move(waiting.front().connection));
      waiting.pop_front();
      --idle_count_;
    }
    host = waiting.empty() ? idle_.erase(host) : std::next(host);
  }
}

void ConnectionPool::start_closing(std::unique_ptr<SmtpConnection> connection) {
  const bool is_last = closing_.stop_requested();
  gate_.start(close_one(std::move(connection), is_last ? nullptr : &closing_, is_last ? kLastPartingMs : kPartingMs));
}

Task<void> ConnectionPool::close_one(std::unique_ptr<SmtpConnection> connection, StopSource* stop, std::int64_t wait_ms) {
  co_await connection->close(stop, wait_ms);
}

Task<void> ConnectionPool::close() {
  closing_.request_stop();
  close_idle_since(Instant::never());
  co_await gate_.close();
}

}  // namespace postern::delivery
