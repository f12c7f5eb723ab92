// A run: its connections, its clock, its figures.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/dialer.h"
#include "bench/load/dialogue.h"
#include "bench/load/figures.h"
#include "bench/load/options.h"
#include "bench/load/schedule.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "net/transport/runtime.h"

namespace postern::load {

// How it went. What is measured begins after the warm-up and ends with the time or the count, but latencies include those of
// messages that were under way then.
struct Outcome {
  double seconds = 0;  // of the whole run
  double measured_seconds = 0;
  Counts total;
  Counts measured;
  Latencies latencies;
  double cpu_us = 0;              // user and system time of this process, while measured
  std::uint64_t not_started = 0;  // open loop: due before the end, and no connection had room
  Counts slow;                    // of the slow peers, whole run
  std::uint32_t slow_connections = 0;
  bool gave_up = false;
  std::optional<Error> connect_error;  // the last one
  bool interrupted = false;
};

// One thread's. Outlives nothing it is given.
class Run final : private Crew, private MessageSource {
 public:
  // `script` and `runtime` outlive it.
  Run(const Options& options, const Script& script, Destination destination, transport::Runtime& runtime);

  // Connects, sends, and ends when the options say so, or SIGINT or SIGTERM come; these are to be blocked.
  [[nodiscard]] Task<void> play();
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }

 private:
  // The slow peers' messages: always due, as long as the run lasts.
  class Endless final : public MessageSource {
   public:
    explicit Endless(const Run& run) : run_(run) {}
    [[nodiscard]] std::optional<Due> take(Instant now) override;
    [[nodiscard]] bool is_over() const override { return run_.over_.stop_requested(); }

   private:
    const Run& run_;
    std::uint64_t taken_ = 0;
  };
  struct Sample {
    Instant when;
    double cpu_us = 0;
    Counts counts;
  };

  void wants_message(Connection& connection) override;
  void has_counted(Instant now) override;
  [[nodiscard]] std::optional<Due> take(Instant now) override { return schedule_.take(now); }
  [[nodiscard]] bool is_over() const override { return schedule_.is_over(); }

  void set_bounds(Instant start);
  void start_connections();
  [[nodiscard]] Task<void> keep_time();
  [[nodiscard]] Task<void> release_messages();
  [[nodiscard]] Task<void> heed_signals();
  void every_second(Instant now);
  void show_progress(Instant now);
  void wake(std::size_t connections, Instant now);
  void begin_measuring(Instant now);
  void end_measuring(Instant now);
  void end(Instant now);
  [[nodiscard]] Sample sample(Instant now) const;

  const Options options_;
  const Script& script_;
  transport::Runtime& runtime_;
  SeededRandom random_;
  Schedule schedule_;
  Endless endless_;
  Dialer dialer_;
  ConnectionOptions connection_options_;
  ConnectionOptions slow_options_;
  std::unique_ptr<Figures> figures_ = std::make_unique<Figures>();
  std::unique_ptr<Figures> slow_figures_ = std::make_unique<Figures>();
  std::vector<std::unique_ptr<Connection>> connections_;  // the slow ones last
  std::deque<Connection*> waiting_;                       // for a message; each once
  Event has_waiting_;

  Gate gate_;  // the connections
  Gate helpers_;
  StopSource over_;      // no message is begun any more
  StopSource finished_;  // no connection is left
  Event counted_;        // a count was reached

  Instant start_;
  Instant warm_ = Instant::never();
  Instant end_ = Instant::never();
  std::uint64_t warm_count_ = UINT64_MAX;
  std::uint64_t end_count_ = UINT64_MAX;
  std::uint64_t next_count_ = UINT64_MAX;  // the next of the two
  bool measuring_ = false;
  bool measured_ = false;
  Sample begin_sample_;
  Outcome outcome_;

  Instant stood_;  // when a connection stood last
  std::uint64_t connections_seen_ = 0;
  Instant progress_at_;
  std::uint64_t progress_accepted_ = 0;
};

}  // namespace postern::load
