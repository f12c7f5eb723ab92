// Runs a task to its end on a ManualScheduler.
#pragma once

#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/coro/task.h"

namespace postern::testing {

template <class T>
[[nodiscard]] T run_task(ManualScheduler& scheduler, Task<T> task, std::int64_t ms = 0) {
  static constexpr auto kKeep = [](Task<T> asked, std::optional<T>& answer) -> Task<void> {
    answer = co_await std::move(asked);
  };
  std::optional<T> answer;
  Gate gate;
  gate.start(kKeep(std::move(task), answer));
  scheduler.run();
  if (ms > 0) scheduler.advance_ms(ms);
  POSTERN_CHECK(answer);
  return std::move(*answer);
}

}  // namespace postern::testing
