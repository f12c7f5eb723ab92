// What a shard's loop looks at in every turn: the ring, mailboxes, one day DPDK.
#pragma once

#include "engine/base/clock.h"

namespace postern::shard {

class Poller {
 public:
  virtual ~Poller() = default;
  // Handles what has come in. True when it did some work.
  virtual bool poll() = 0;
  // False while work could arrive that the kernel would not wake us for.
  [[nodiscard]] virtual bool allows_sleep() const = 0;
};

// The one poller that can put the thread to sleep.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // Hands everything prepared to the kernel, without waiting.
  virtual void submit() = 0;
  // The same, and sleeps until something completes or `until` comes.
  virtual void submit_and_sleep(Instant until, Instant now) = 0;
};

// Something that gathers work during a turn and starts it at the end: the commit batch, DNS queries.
class TurnEnd {
 public:
  virtual ~TurnEnd() = default;
  virtual void end_of_turn() = 0;
};

}  // namespace postern::shard
