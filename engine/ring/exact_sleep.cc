#include "engine/ring/exact_sleep.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include "engine/coro/event.h"

namespace postern::ring {
namespace {

class Timeout final : public Operation {
 public:
  void submit(Ring& ring, Instant when) {
    const std::int64_t ns = std::max<std::int64_t>(when.ns, 0);
    when_ = {ns / 1'000'000'000, ns % 1'000'000'000};
    io_uring_sqe& sqe = ring.prepare(*this);
    io_uring_prep_timeout(&sqe, &when_, 0, IORING_TIMEOUT_ABS);  // of CLOCK_MONOTONIC, as Instant is
  }
  Event done;
  int result = 0;

 private:
  void on_completion(const Completion& completion) override {
    result = completion.result;
    done.set();
  }
  __kernel_timespec when_{};
};

}  // namespace

Task<Result<void>> sleep_exactly(Ring& ring, Instant when, StopSource* stop) {
  const auto timeout = std::make_unique<Timeout>();
  timeout->submit(ring, when);
  const Result<void> waited = co_await timeout->done.wait({Instant::never(), stop});
  if (!waited) {
    ring.cancel(*timeout);
    static_cast<void>(co_await timeout->done.wait());
    if (timeout->result != -ETIME) co_return failure(waited.error());
  }
  if (timeout->result != -ETIME) co_return failure_from_errno(-timeout->result, "sleep");
  co_return Result<void>{};
}

}  // namespace postern::ring
