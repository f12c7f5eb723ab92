#include "engine/ring/ring_delays.h"

#include <utility>

#include "engine/base/check.h"

namespace postern::ring {

class RingDelays::Timeout final : public Operation {
 public:
  explicit Timeout(RingDelays& delays) noexcept : delays_(delays) {}

  void begin(DelayedCall& call, std::int64_t delay_us) {
    call_ = &call;
    time_ = {.tv_sec = delay_us / 1'000'000, .tv_nsec = delay_us % 1'000'000 * 1'000};
    io_uring_sqe& sqe = delays_.ring_.prepare(*this);
    io_uring_prep_timeout(&sqe, &time_, 0, 0);
  }

 private:
  void on_completion(const Completion&) override {
    DelayedCall& call = *std::exchange(call_, nullptr);
    --delays_.in_flight_;
    delays_.spare_.emplace_back(this);
    call.on_delay_over();
  }

  RingDelays& delays_;
  DelayedCall* call_ = nullptr;
  __kernel_timespec time_{};
};

RingDelays::RingDelays(Ring& ring) : ring_(ring) {}

RingDelays::~RingDelays() { POSTERN_CHECK(in_flight_ == 0); }

void RingDelays::start(DelayedCall& call, std::int64_t delay_us) {
  if (spare_.empty()) spare_.push_back(std::make_unique<Timeout>(*this));
  Timeout* timeout = spare_.back().release();
  spare_.pop_back();
  ++in_flight_;
  timeout->begin(call, delay_us);
}

}  // namespace postern::ring
