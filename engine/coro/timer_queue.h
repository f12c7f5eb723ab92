// Timers, and the hierarchical wheel that holds them. Arming and disarming are cheap enough to do for every read: a timer
// already queued for an earlier moment only notes the later one, and is queued anew when the earlier moment comes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/clock.h"

namespace postern::inline coro {

namespace detail {
struct TimerLink {
  TimerLink* prev = nullptr;
  TimerLink* next = nullptr;
};
}  // namespace detail

// Something to be called at a time. Its user owns it; it leaves its queue when destroyed.
class Timer : private detail::TimerLink {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  [[nodiscard]] bool armed() const noexcept { return !when_.is_never(); }
  [[nodiscard]] Instant when() const noexcept { return when_; }

 protected:
  virtual ~Timer();

 private:
  friend class TimerQueue;
  // Called once per arming, disarmed already, never from within arm() or disarm().
  virtual void on_timer() = 0;

  Instant when_ = Instant::never();  // what the owner wants
  std::uint64_t queued_tick_ = 0;    // where the wheel holds it while linked
};

// Ticks of 2^20 ns (about 1.05 ms), eight levels of 64 slots, which hold every Instant. Timers fire at their time or up to a
// tick later, never earlier. One thread.
class TimerQueue {
 public:
  explicit TimerQueue(Instant start);
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  // Timers still queued are let go, not fired.
  ~TimerQueue();

  // Moves the timer when it is armed already. Instant::never() disarms. A time that advance() has passed, or is passing, is for
  // the next advance().
  void arm(Timer& timer, Instant when) noexcept;
  void disarm(Timer& timer) noexcept { timer.when_ = Instant::never(); }
  // Fires what is due at `now`, in order of ticks. Returns how many fired. `now` never goes back.
  std::size_t advance(Instant now);
  // When advance() next has something to do; never() when no timer is queued. May be early (a timer since moved or disarmed).
  [[nodiscard]] Instant next_due() const noexcept;

  static constexpr unsigned kTickShift = 20;

 private:
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr unsigned kLevels = 8;
  static constexpr std::uint64_t kNoTick = UINT64_MAX;

  using Link = detail::TimerLink;
  struct Level {
    std::uint64_t occupied = 0;  // bit n: slot n may hold timers
    std::array<Link, kSlots> slots;
  };

  void insert(Timer& timer, std::uint64_t tick) noexcept;
  [[nodiscard]] std::uint64_t next_tick() const noexcept;
  std::size_t run_slot(std::uint64_t tick);

  std::uint64_t tick_;      // everything up to and including this has been run
  std::uint64_t now_tick_;  // where advance() goes or has gone; never before tick_
  std::array<Level, kLevels> levels_;
};

}  // namespace postern::inline coro
