// Who waits for which next hop. Each destination has its own queue and its own share of the attempts that may be under way, so
// that one that is slow or down keeps nobody else waiting. A destination that has not yet worked is tried by a few at a time,
// one in trouble by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "engine/coro/gate.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"

namespace postern::delivery {

struct DestinationLimits {
  std::size_t attempts_max = 200;                   // at once, in all
  std::size_t attempts_per_destination_max = 20;    // at once
  std::size_t attempts_at_first_max = 4;            // at once, until one went well
  std::size_t waiting_per_destination_max = 2'000;  // beyond it offer() refuses
};

// Some recipients of one message that go the same way. Outlives its stay in the queue.
class Attempt {
 public:
  // Runs the attempt. Suspends. True when the destination did not fail: others may be tried beside it.
  [[nodiscard]] virtual Task<bool> make() = 0;
  // It has been made, or (on stop) will not be. Called from the loop; the attempt may go away within.
  virtual void on_end(bool was_made) = 0;

 protected:
  ~Attempt() = default;
};

class RoomListener {
 public:
  // The destination takes offers again. True when it is to be called again for the next one.
  virtual bool on_room(const std::string& destination) = 0;

 protected:
  ~RoomListener() = default;
};

// One shard. Destroyed after close().
class Destinations {
 public:
  Destinations(DestinationLimits limits, RoomListener& listener)
      : limits_(limits), listener_(listener), slots_(limits.attempts_max) {}
  Destinations(const Destinations&) = delete;
  Destinations& operator=(const Destinations&) = delete;

  // False: too many wait for `destination`, and on_room() tells when there is room; or stop() was called.
  // `in_trouble`: it is known to have failed lately; matters when it is new here.
  [[nodiscard]] bool offer(const std::string& destination, Attempt& attempt, bool in_trouble = false);
  [[nodiscard]] bool has_room(const std::string& destination) const;
  // Those that wait are ended without being made; those under way go on.
  void stop();
  // Waits for those under way. After stop(). Suspends.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] std::size_t size() const noexcept { return destinations_.size(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }

 private:
  struct Destination {
    std::string name;
    std::deque<Attempt*> waiting;
    std::size_t workers = 0;
    std::size_t under_way = 0;  // attempts; each has a worker
    bool in_trouble = false;
    bool has_worked = false;
    bool has_refused = false;  // an offer: whoever made it hears when there is room
  };

  [[nodiscard]] std::size_t workers_max(const Destination& destination) const noexcept {
    if (destination.in_trouble) return 1;
    const std::size_t most = limits_.attempts_per_destination_max;
    return destination.has_worked ? most : std::min(most, limits_.attempts_at_first_max);
  }
  bool start_worker(Destination& destination);
  [[nodiscard]] Task<void> work(Destination& destination);
  [[nodiscard]] Task<void> make_next(Destination& destination);

  DestinationLimits limits_;
  RoomListener& listener_;
  Semaphore slots_;
  std::map<std::string, std::unique_ptr<Destination>> destinations_;
  std::size_t waiting_ = 0;
  std::size_t under_way_ = 0;
  bool stopped_ = false;
  StopSource stop_;
  Gate gate_;
};

}  // namespace postern::delivery
