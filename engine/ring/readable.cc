#include "engine/ring/readable.h"

#include <poll.h>

#include <memory>

#include "engine/coro/event.h"

namespace postern::ring {
namespace {

class Poll final : public Operation {
 public:
  void submit(Ring& ring, int descriptor) {
    io_uring_sqe& sqe = ring.prepare(*this);
    io_uring_prep_poll_add(&sqe, descriptor, POLLIN);
  }
  Event done;
  int result = 0;

 private:
  void on_completion(const Completion& completion) override {
    result = completion.result;
    done.set();
  }
};

}  // namespace

Task<Result<void>> readable(Ring& ring, int descriptor, Wait wait) {
  const auto poll = std::make_unique<Poll>();
  poll->submit(ring, descriptor);
  const Result<void> waited = co_await poll->done.wait(wait);
  if (!waited) {
    ring.cancel(*poll);
    static_cast<void>(co_await poll->done.wait());
    if (poll->result < 0) co_return failure(waited.error());
  }
  if (poll->result < 0) co_return failure_from_errno(-poll->result, "wait for descriptor");
  co_return Result<void>{};
}

}  // namespace postern::ring
