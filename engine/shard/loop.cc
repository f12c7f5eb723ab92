#include "engine/shard/loop.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/gate.h"

namespace postern::shard {

Loop::Loop(const Clock& clock) : clock_(clock), now_(clock.now()), timers_(now_) { set_current(this); }

Loop::~Loop() { set_current(nullptr); }

void Loop::run(Task<void> main) {
  now_ = clock_.now();
  Gate gate;
  gate.start(std::move(main));
  finish_turn();
  while (gate.inside() > 0) {
    wait_for_work();
    turn();
  }
  if (sleeper_ != nullptr) sleeper_->submit();  // the last turn may have prepared to wake another shard
}

void Loop::turn() {
  stats_.turns.add();
  now_ = clock_.now();
  // Only those who gave way before the kernel was asked: who does so while completions are handed out waits for the next turn.
  gave_way_.swap(last_);
  for (Poller* poller : pollers_) poller->poll();
  timers_.advance(now_);
  std::ranges::copy(gave_way_, std::back_inserter(ready_));
  gave_way_.clear();
  finish_turn();
}

void Loop::finish_turn() {
  while (run_ready()) {}
  for (TurnEnd* turn_end : turn_ends_) turn_end->end_of_turn();
}

// What becomes ready while a batch runs is the next batch of the same turn: chains of awaiting coroutines end in one turn, and
// whoever would run for long gives way through schedule_last().
bool Loop::run_ready() {
  if (ready_.empty()) return false;
  running_.swap(ready_);
  for (const std::coroutine_handle<> handle : running_) handle.resume();
  stats_.resumptions.add(running_.size());
  running_.clear();
  return true;
}

void Loop::wait_for_work() {
  POSTERN_CHECK(sleeper_ != nullptr);
  const bool busy = !ready_.empty() || !last_.empty() ||
                    std::ranges::any_of(pollers_, [](const Poller* poller) { return !poller->allows_sleep(); });
  if (busy) return sleeper_->submit();
  stats_.sleeps.add();
  const Instant until = timers_.next_due();
  sleeper_->submit_and_sleep(until, until.is_never() ? now_ : clock_.now());  // the turn has taken its time, too
}

}  // namespace postern::shard
