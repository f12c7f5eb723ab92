#include "appliance/control/control_server.h"

#include <algorithm>

namespace postern::control {
namespace {

Wait soon() { return {Scheduler::current().now().plus_ms(ControlServer::kTimeoutMs), nullptr}; }

Chain to_chain(BlockPool& blocks, std::string_view text) {
  Chain chain;
  while (!text.empty()) {
    const std::size_t count = std::min(text.size(), BlockPool::kLargest);
    chain.append(copy_to_slice(blocks, text.substr(0, count)));
    text.remove_prefix(count);
  }
  return chain;
}

}  // namespace

ControlServer::ControlServer(transport::StreamPool& pool, BlockPool& blocks, int descriptor, CommandHandler& handler)
    : blocks_(blocks), handler_(handler), listener_(pool, descriptor, SocketAddress{}, *this, 2) {}

Task<void> ControlServer::stop() {
  co_await listener_.stop();
  co_await gate_.close();
}

void ControlServer::on_connection(std::unique_ptr<Stream> stream) { gate_.start(serve(*this, std::move(stream))); }

Task<Result<std::string>> ControlServer::read_line(Stream& stream) {
  std::string line;
  const Wait wait = soon();
  while (line.size() <= kLineBytesMax) {
    Result<Slice> bytes = co_await stream.read(wait);
    if (!bytes) co_return failure(bytes.error());
    line.append(bytes->view());
    const std::size_t end = line.find('\n');
    if (end == std::string::npos) continue;
    line.resize(end);
    if (line.ends_with('\r')) line.pop_back();
    co_return line;
  }
  co_return failure(Errc::too_large, "control command");
}

Task<void> ControlServer::serve(ControlServer& server, std::unique_ptr<Stream> stream) {
  if (server.gate_.inside() <= kConnectionsMax) {
    Result<std::string> line = co_await read_line(*stream);
    if (line) {
      const std::string answer = co_await server.handler_.answer(std::move(*line));
      // Nobody is told when the asker has gone.
      if (co_await stream->write(to_chain(server.blocks_, answer), soon())) static_cast<void>(co_await stream->drain(soon()));
    }
  }
  co_await stream->close();
}

}  // namespace postern::control
