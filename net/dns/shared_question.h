// One question on its way, with all who wait for its answer.
#pragma once

#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/coro/event.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"

namespace postern::dns {

// Kept by shared_ptr: by who asks the servers and by everyone who waits. One shard.
class SharedQuestion {
 public:
  SharedQuestion() = default;
  SharedQuestion(const SharedQuestion&) = delete;
  SharedQuestion& operator=(const SharedQuestion&) = delete;
  ~SharedQuestion() { POSTERN_CHECK(waiting_.empty()); }

  // Suspends until there is an answer; true when there is one, false when `wait` ended first. The last to leave without an
  // answer stops the asking, unless somebody wants it for later.
  [[nodiscard]] Task<Result<void>> join(Wait wait) {
    Event told;
    if (has_answer_) co_return Result<void>{};
    waiting_.push_back(&told);
    Result<void> done = co_await told.wait(wait);
    std::erase(waiting_, &told);
    if (!has_answer_ && waiting_.empty() && !wanted_later_) asking_.request_stop();
    co_return done;
  }
  // The asking goes on although nobody waits any more: its answer is for the cache.
  void want_later() noexcept { wanted_later_ = true; }

  void conclude(Answer answer) {
    answer_ = std::move(answer);
    has_answer_ = true;
    for (Event* told : waiting_) told->set();
  }

  [[nodiscard]] bool has_answer() const noexcept { return has_answer_; }
  [[nodiscard]] const Answer& answer() const noexcept { return answer_; }
  // Stops when nobody wants the answer any more.
  [[nodiscard]] StopSource& asking() noexcept { return asking_; }

 private:
  StopSource asking_;
  std::vector<Event*> waiting_;  // in the frames of those who wait
  Answer answer_;
  bool has_answer_ = false;
  bool wanted_later_ = false;
};

}  // namespace postern::dns
