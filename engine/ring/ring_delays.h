// Short, exact waits by the kernel's timers.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/io/delays.h"
#include "engine/ring/ring.h"

namespace postern::ring {

// One shard. The ring outlives it. Destroyed when nothing is under way.
class RingDelays final : public Delays {
 public:
  explicit RingDelays(Ring& ring);
  ~RingDelays() override;
  RingDelays(const RingDelays&) = delete;
  RingDelays& operator=(const RingDelays&) = delete;

  void start(DelayedCall& call, std::int64_t delay_us) override;

 private:
  class Timeout;

  Ring& ring_;
  std::vector<std::unique_ptr<Timeout>> spare_;
  std::size_t in_flight_ = 0;
};

}  // namespace postern::ring
