// One place among the connections of a run: whenever a connection ends, the next is opened. Where a connection has its number
// of messages, it is opened when there is one for it.
#pragma once

#include <cstdint>
#include <optional>

#include "bench/load/dialer.h"
#include "bench/load/dialogue.h"
#include "bench/load/figures.h"
#include "bench/load/schedule.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/event.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"

namespace postern::load {

class Connection;

// The run, as its connections see it.
class Crew {
 public:
  virtual ~Crew() = default;
  // `connection` has room for a message and found none: look_again() is to be called on it, once, when that changes.
  virtual void wants_message(Connection& connection) = 0;
  // Replies have been counted.
  virtual void has_counted(Instant now) = 0;
};

struct ConnectionOptions {
  bool counts_from_due = false;  // open loop: the latency of a message includes connecting where that was to be done first
  std::int64_t timeout_ms = 60'000;
  std::uint32_t send_pace = 0;  // bytes a second; 0: as fast as it goes
  std::uint32_t read_pace = 0;
};

// All of it outlives the connections.
struct ConnectionContext {
  const Script& script;
  const ConnectionOptions& options;
  Dialer& dialer;
  BlockPool& pool;
  Random& random;
  MessageSource& source;
  Figures& figures;
  Crew& crew;
  StopSource& over;  // of the run: no more connecting
};

// One shard. Outlives its run().
class Connection final : private MessageSource {
 public:
  explicit Connection(const ConnectionContext& context) : context_(context) {}

  // Until the source is over or the run is.
  [[nodiscard]] Task<void> run();

  // After Crew::wants_message().
  void look_again(Instant now);
  // Gives the connection up when it awaits a reply and nothing has moved since `moment`.
  void give_up_if_silent_since(Instant moment);
  // Ends it without waiting for what is under way.
  void cut_off();
  [[nodiscard]] bool stands() const noexcept { return dialogue_ != nullptr && dialogue_->is_ready(); }

 private:
  [[nodiscard]] std::optional<Due> take(Instant now) override;
  [[nodiscard]] bool is_over() const override { return !held_ && context_.source.is_over(); }

  [[nodiscard]] Task<bool> hold_message();
  [[nodiscard]] Task<void> converse(Stream& stream);
  [[nodiscard]] Task<void> talk(Stream& stream, StopSource& stop);
  [[nodiscard]] bool count_queued(std::size_t bytes) noexcept;
  [[nodiscard]] Task<Result<void>> drip(Stream& stream, Chain bytes, StopSource& stop);
  [[nodiscard]] Task<void> pause();
  void ask_for_message();

  ConnectionContext context_;
  std::optional<Due> held_;  // taken, and waits for the connection
  bool holding_ = false;     // in hold_message()
  Event may_take_;
  bool asked_ = false;

  // While a connection stands.
  Dialogue* dialogue_ = nullptr;
  Stream* stream_ = nullptr;
  StopSource* stop_ = nullptr;
  Instant moved_;  // when bytes came or went last
  bool silent_ = false;
  std::size_t queued_ = 0;  // bytes, since sending was awaited

  std::uint32_t failures_in_a_row_ = 0;
};

}  // namespace postern::load
