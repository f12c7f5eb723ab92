// When messages are due.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/clock.h"
#include "engine/base/random.h"

namespace postern::load {

enum class Arrivals : std::uint8_t {
  at_once,  // closed loop: whenever a connection has room for one
  even,     // open loop: one after the other at equal distances
  poisson,  // open loop: at random distances, as strangers' messages arrive
};

struct Due {
  Instant since;         // the latency of the message counts from here
  std::uint64_t number;  // from 0
};

// Hands out messages, each once. The open loop holds no queue: messages that are overdue exist only as the time of the next.
class Schedule {
 public:
  // `per_second` is for the open loop, above 0. At most `count` messages; 0: no end.
  Schedule(Arrivals arrivals, double per_second, std::uint64_t count, std::uint64_t seed) noexcept;

  // Due times count from `start`; none is due at `end` or later, and none is handed out then.
  void begin(Instant start, Instant end) noexcept;
  // The next message, if it is due at `now`.
  [[nodiscard]] std::optional<Due> take(Instant now) noexcept;
  [[nodiscard]] bool has_due(Instant now) const noexcept { return next_due_ <= now && now < end_; }
  // When the next message is due; never() when none is left.
  [[nodiscard]] Instant next_due() const noexcept { return next_due_; }
  // No message will be due any more.
  [[nodiscard]] bool is_over() const noexcept { return next_due_.is_never(); }
  void stop() noexcept { next_due_ = Instant::never(); }
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
  // Ends the schedule and tells how many messages were due before `now` and not taken (open loop).
  [[nodiscard]] std::uint64_t stop_and_count_overdue(Instant now) noexcept;

 private:
  void advance() noexcept;

  Arrivals arrivals_;
  double ns_between_;
  std::uint64_t count_;
  SeededRandom random_;
  Instant start_;
  Instant end_ = Instant::never();
  Instant next_due_ = Instant::never();
  double offset_ns_ = 0;  // of the next message from start_
  std::uint64_t taken_ = 0;
};

}  // namespace postern::load
