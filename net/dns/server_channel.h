// Questions to one DNS server in datagrams, carried by c-ares: it keeps the questions that are out, matches replies to them and
// times them out. It is given our sockets, and of a reply it sees only a receipt (header and question): the reply itself goes
// past it to the asker, to be read by message.h. So nothing in c-ares reads what a stranger wrote, and what it would do
// with a reply's size, truncation or response code does not come into it.
#pragma once

#include <ares.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/datagram.h"

namespace postern::dns {

// One shard; what it is made from outlives it.
class ServerChannel final : private Timer, private DatagramReceiver {
 public:
  static constexpr std::size_t kQuestionsMax = 4096;  // out at once

  // A reply is awaited for `timeout_ms`.
  ServerChannel(DatagramSockets& sockets, Random& random, SocketAddress server, std::int64_t timeout_ms);
  ~ServerChannel() override;

  // Sends `query` under an id of its own (its first two bytes are written here) and suspends until the reply is there. Errors:
  // timed_out (also when `wait` has passed), stopped, refused, too_large (kQuestionsMax), io.
  [[nodiscard]] Task<Result<std::string>> ask(std::string query, Wait wait);
  // Once, when nobody asks any more.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] const SocketAddress& server() const noexcept { return server_; }
  [[nodiscard]] std::size_t questions_out() const noexcept { return out_; }

 private:
  struct Pending;
  struct Hooks;  // what c-ares calls

  void on_timer() override;
  void on_datagram(std::string_view bytes) override;
  void on_datagram_error(const Error& error) override;
  void process(bool readable);
  void arm_timeout();
  void finished(int status, Pending& pending);
  [[nodiscard]] std::uint16_t unused_id();
  static Task<void> close_socket(std::unique_ptr<DatagramSocket> socket);

  DatagramSockets& sockets_;
  Random& random_;
  SocketAddress server_;
  std::int64_t timeout_ms_;
  ares_channel channel_ = nullptr;

  // The one socket that c-ares has open; it opens another after an error.
  std::unique_ptr<DatagramSocket> socket_;
  int socket_number_ = 0;
  Gate closing_sockets_;

  std::string_view reply_;  // while c-ares is given the receipt for it
  std::string receipt_;     // what it may read
  int read_error_ = 0;      // or this
  std::size_t out_ = 0;
  std::vector<bool> ids_out_ = std::vector<bool>(1U << 16U);
};

}  // namespace postern::dns
