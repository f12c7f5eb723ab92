// The control socket of a process: one line asks, one text answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "net/transport/listener.h"

namespace postern::control {

// Answers commands of people and tools on this machine who may open the socket.
class CommandHandler {
 public:
  virtual ~CommandHandler() = default;
  // `line` without its line end. The answer is sent as it is, and the connection ends.
  [[nodiscard]] virtual Task<std::string> answer(std::string line) = 0;
};

// One shard; pool, blocks and handler outlive it. Awaits stop() before it goes.
class ControlServer final : public transport::ConnectionHandler {
 public:
  static constexpr std::size_t kLineBytesMax = 4096;
  static constexpr std::int64_t kTimeoutMs = 5'000;
  static constexpr std::size_t kConnectionsMax = 16;

  // Takes over `descriptor`, a listening UNIX socket.
  ControlServer(transport::StreamPool& pool, BlockPool& blocks, int descriptor, CommandHandler& handler);

  void start() { listener_.start(); }
  [[nodiscard]] Task<void> stop();

 private:
  void on_connection(std::unique_ptr<Stream> stream) override;
  static Task<void> serve(ControlServer& server, std::unique_ptr<Stream> stream);
  [[nodiscard]] static Task<Result<std::string>> read_line(Stream& stream);

  BlockPool& blocks_;
  CommandHandler& handler_;
  Gate gate_;
  transport::Listener listener_;
};

}  // namespace postern::control
