// The Distributed Checksum Clearinghouse: one message's conversation with dccifd, which is told the message while it arrives.
//
// The daemon takes one message over a connection; the end of our direction is the end of the message, and there is no word for
// giving one up: a message that its sender does not finish is looked at as far as it came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/slice.h"
#include "engine/coro/gate.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/connector.h"
#include "policy/dcc/reply.h"
#include "policy/dcc/request.h"

namespace postern::dcc {

struct Conversation;

// One message's check, from Client::start(). Goes before the client does. One that is destroyed unfinished is given up.
class Check {
 public:
  static constexpr std::size_t kWaitingBytesMax = std::size_t{256} * 1024;  // of the message, with what its slices pin

  explicit Check(std::shared_ptr<Conversation> conversation);
  ~Check();
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  // The next bytes behind the header block, as they are stored. False: too many wait for the daemon, so await room() before
  // more come; with twice as many the check is given up. When it has failed already they are dropped.
  [[nodiscard]] bool feed(Slice bytes);
  // Suspends until there is room, the check has failed (which it does in bounded time), or `wait` ends.
  [[nodiscard]] Task<void> room(Wait wait);
  // The message is complete. Suspends until the daemon has answered, or until it is clear that it will not: at the latest at
  // wait's end, and Client::kReplyMs after the daemon has all. Once.
  [[nodiscard]] Task<Result> finish(Wait wait);

 private:
  std::shared_ptr<Conversation> conversation_;
};

// One shard's connections to one daemon.
class Client {
 public:
  static constexpr std::size_t kConnectionsMax = 32;
  static constexpr std::size_t kWaitingMax = 256;   // messages that wait for a connection; further ones fail at once
  static constexpr std::int64_t kTurnMs = 10'000;   // for a connection of those
  static constexpr std::int64_t kConnectMs = 2000;  // for it to stand
  static constexpr std::int64_t kWriteMs = 10'000;  // until the daemon has read on
  static constexpr std::int64_t kReplyMs = 30'000;  // all of the reply
  static constexpr std::int64_t kHoldMs = 60'000;   // afterwards, a message still arriving gives way to those that wait
  static constexpr std::int64_t kDownMs = 5000;     // for so long a daemon that did not answer is not asked

  // `connector` outlives it.
  Client(Connector& connector, DaemonAddress address);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Begins to tell the daemon. `header` is the message's whole header block, its empty line included if it has one; it is
  // copied. Never fails by itself: what goes wrong is the result of finish(). Does not suspend.
  [[nodiscard]] std::unique_ptr<Check> start(const Request& request, PeerView header);
  // Ends what is under way, and waits for it. No start() afterwards.
  [[nodiscard]] Task<void> close();

 private:
  [[nodiscard]] Task<void> run(std::shared_ptr<Conversation> conversation);
  [[nodiscard]] Task<Result> take_turn(Conversation& conversation);
  [[nodiscard]] Task<Result> ask(Conversation& conversation);
  // Empty, or why the message could not be sent.
  [[nodiscard]] Task<std::string> send(Stream& stream, Conversation& conversation);
  [[nodiscard]] Task<Result> read_reply(Stream& stream, Conversation& conversation);
  [[nodiscard]] bool is_down() const;
  // The words for a result; a daemon that is away or silent is remembered.
  [[nodiscard]] std::string blame(std::string_view what, const Error& error);

  Connector& connector_;
  DaemonAddress address_;
  BlockPool blocks_;
  Semaphore turns_{kConnectionsMax};
  StopSource stop_;
  Instant down_until_{};
  std::string why_down_;
  Gate gate_;
};

}  // namespace postern::dcc
