// Short waits that are exact: the timers of the wheel come up to a millisecond late, which is as much as what is to be
// imitated.
#pragma once

#include <cstdint>

namespace postern::inline io {

// Whoever is to be called. Stays until it has been.
class DelayedCall {
 public:
  virtual void on_delay_over() = 0;

 protected:
  ~DelayedCall() = default;
};

class Delays {
 public:
  virtual ~Delays() = default;
  // Calls `call` from the loop, never from within, when `delay_us` microseconds have passed; 0: in a later step. Any number may
  // be under way; each ends by itself and cannot be cut short.
  virtual void start(DelayedCall& call, std::int64_t delay_us) = 0;
};

}  // namespace postern::inline io
