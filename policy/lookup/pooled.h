// Work on the pool's threads, awaited no longer than a Wait allows: what is given up runs on and its result is dropped.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "engine/base/result.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/shard/offload.h"

namespace postern::lookup {

template <class Work>
struct PooledJob {
  using Value = std::invoke_result_t<Work&>;
  explicit PooledJob(Work w) : work(std::move(w)) {}
  Work work;
  std::optional<Value> value;
  Event done;
};

template <class Work>
Task<void> run_pooled(shard::Offload& offload, std::shared_ptr<PooledJob<Work>> job) {
  PooledJob<Work>* const shared = job.get();
  auto work = [shared]() -> Result<typename PooledJob<Work>::Value> { return shared->work(); };
  Result<typename PooledJob<Work>::Value> result = co_await offload.run(std::move(work));
  if (result) job->value = std::move(*result);
  job->done.set();
}

// What work() gives; nothing when the wait ended first, or the pool's queue is full. `gate` holds what runs on: close it
// before the pool goes. What `work` holds must outlive the job, so it owns it. Without a pool it runs at once, in place.
template <class Work>
Task<std::optional<std::invoke_result_t<Work&>>> pooled(shard::Offload* offload, Gate& gate, Work work, Wait wait) {
  if (offload == nullptr) co_return work();
  auto job = std::make_shared<PooledJob<Work>>(std::move(work));
  gate.start(run_pooled(*offload, job));
  if (const Result<void> done = co_await job->done.wait(wait); !done) co_return std::nullopt;
  co_return std::move(job->value);
}

}  // namespace postern::lookup
