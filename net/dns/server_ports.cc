#include "net/dns/server_ports.h"

#include <algorithm>
#include <utility>

#include "engine/coro/scheduler.h"

namespace postern::dns {

ServerPorts::ServerPorts(DatagramSockets& sockets, Random& random, SocketAddress server, std::int64_t timeout_ms)
    : sockets_(sockets),
      random_(random),
      server_(server),
      timeout_ms_(timeout_ms),
      ports_(server.address.is_loopback() ? 1 : kPorts) {}

// A channel outlives the questions that are out, so whoever asks need not hold it.
Task<Result<std::string>> ServerPorts::ask(std::string query, Wait wait) {
  close_quiet_ones();
  return choose().ask(std::move(query), wait);
}

ServerChannel& ServerPorts::choose() {
  Port& port = ports_[random_.next() % ports_.size()];
  const Instant now = Scheduler::current().now();
  const bool is_spent = port.asked >= kQuestionsOfPort || now >= port.since.plus_ms(kPortMs);
  if (port.channel && is_spent && ports_.size() > 1) retire(port);
  if (!port.channel)
    port = {.channel = std::make_unique<ServerChannel>(sockets_, random_, server_, timeout_ms_), .asked = 0, .since = now};
  ++port.asked;
  return *port.channel;
}

void ServerPorts::retire(Port& port) { retired_.push_back(std::exchange(port, {}).channel); }

void ServerPorts::close_quiet_ones() {
  std::erase_if(retired_, [this](std::unique_ptr<ServerChannel>& channel) {
    if (channel->questions_out() > 0) return false;
    closing_.start(close_channel(std::move(channel)));
    return true;
  });
}

Task<void> ServerPorts::close_channel(std::unique_ptr<ServerChannel> channel) { co_await channel->close(); }

Task<void> ServerPorts::close() {
  for (Port& port : ports_)
    if (port.channel) retire(port);
  for (std::unique_ptr<ServerChannel>& channel : retired_) closing_.start(close_channel(std::move(channel)));
  retired_.clear();
  co_await closing_.close();
}

}  // namespace postern::dns
