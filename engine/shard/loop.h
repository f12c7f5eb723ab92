// The loop of one shard: one thread, one ring, nothing shared.
//
// A turn: one submit, with sleep when nothing is left to do; read the clock; let pollers take in what has completed (a batch is
// drained before any of it runs); fire timers; run what is ready until nothing is; start what was gathered (commits, queries).
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/counter.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/task.h"
#include "engine/coro/timer_queue.h"
#include "engine/shard/poller.h"

namespace postern::shard {

struct LoopStats {
  Counter turns;
  Counter sleeps;
  Counter resumptions;
};

// Everything here is called on the loop's own thread. Becomes that thread's Scheduler while it lives.
class Loop final : public Scheduler {
 public:
  // The clock outlives the loop.
  explicit Loop(const Clock& clock);
  ~Loop() override;

  // Pollers, the sleeper and turn ends outlive the running of the loop, or are removed.
  void add(Poller& poller) { pollers_.push_back(&poller); }
  void add(TurnEnd& turn_end) { turn_ends_.push_back(&turn_end); }
  void remove(TurnEnd& turn_end) { std::erase(turn_ends_, &turn_end); }
  void set_sleeper(Sleeper& sleeper) { sleeper_ = &sleeper; }

  // Runs `main` and turns until it has ended, and submits what is prepared then.
  void run(Task<void> main);

  void schedule(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  void schedule_last(std::coroutine_handle<> handle) override { last_.push_back(handle); }
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  void arm(Timer& timer, Instant when) override { timers_.arm(timer, when); }
  void disarm(Timer& timer) noexcept override { timers_.disarm(timer); }

  [[nodiscard]] const LoopStats& stats() const noexcept { return stats_; }

 private:
  void turn();
  void finish_turn();
  bool run_ready();
  void wait_for_work();

  const Clock& clock_;
  Instant now_;
  TimerQueue timers_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;  // the batch taken from ready_; a member so that its room is kept
  std::vector<std::coroutine_handle<>> last_;
  std::vector<std::coroutine_handle<>> gave_way_;  // of last_, in the present turn
  std::vector<Poller*> pollers_;
  std::vector<TurnEnd*> turn_ends_;
  Sleeper* sleeper_ = nullptr;
  LoopStats stats_;
};

}  // namespace postern::shard
