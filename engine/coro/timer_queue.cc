#include "engine/coro/timer_queue.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace postern::inline coro {
namespace {

using detail::TimerLink;

void make_empty(TimerLink& head) noexcept { head.prev = head.next = &head; }
bool is_empty(const TimerLink& head) noexcept { return head.next == &head; }

void unlink(TimerLink& link) noexcept {
  link.prev->next = link.next;
  link.next->prev = link.prev;
  link.prev = link.next = nullptr;
}

void push_back(TimerLink& head, TimerLink& link) noexcept {
  link.prev = head.prev;
  link.next = &head;
  head.prev->next = &link;
  head.prev = &link;
}

void move_all(TimerLink& from, TimerLink& to) noexcept {
  make_empty(to);
  if (is_empty(from)) return;
  to.next = from.next;
  to.prev = from.prev;
  to.next->prev = &to;
  to.prev->next = &to;
  make_empty(from);
}

constexpr std::uint64_t tick_at(Instant time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.ns, 0)) >> TimerQueue::kTickShift;
}

// The first tick that does not begin before `time`.
std::uint64_t tick_not_before(Instant time) noexcept {
  constexpr std::uint64_t kAllButOne = (std::uint64_t{1} << TimerQueue::kTickShift) - 1;
  return (static_cast<std::uint64_t>(std::max<std::int64_t>(time.ns, 0)) + kAllButOne) >> TimerQueue::kTickShift;
}

}  // namespace

Timer::~Timer() {
  if (next != nullptr) unlink(*this);
}

TimerQueue::TimerQueue(Instant start) : tick_(tick_at(start)), now_tick_(tick_) {
  static_assert(kSlotBits * kLevels >= 64 - kTickShift, "every tick has its slot");
  for (Level& level : levels_)
    for (Link& slot : level.slots) make_empty(slot);
}

TimerQueue::~TimerQueue() {
  for (Level& level : levels_)
    for (Link& slot : level.slots)
      while (!is_empty(slot)) unlink(*slot.next);
}

void TimerQueue::arm(Timer& timer, Instant when) noexcept {
  timer.when_ = when;
  if (when.is_never()) return;
  const std::uint64_t wanted = tick_not_before(when);
  const std::uint64_t soonest = now_tick_ + 1;
  if (timer.next != nullptr) {
    if (wanted < soonest ? timer.queued_tick_ == soonest : timer.queued_tick_ <= wanted) return;
    unlink(timer);
  }
  insert(timer, std::max(wanted, soonest));
}

// The level is that of the highest digit (base 64) in which the tick differs from now: a slot then never holds timers of two
// different rounds, and a slot is emptied exactly when the clock reaches its first tick.
void TimerQueue::insert(Timer& timer, std::uint64_t tick) noexcept {
  POSTERN_CHECK(tick > tick_);
  const unsigned level = static_cast<unsigned>(std::bit_width(tick ^ tick_) - 1) / kSlotBits;
  const auto slot = static_cast<unsigned>(tick >> (level * kSlotBits)) % kSlots;
  timer.queued_tick_ = tick;
  push_back(levels_[level].slots[slot], timer);
  levels_[level].occupied |= std::uint64_t{1} << slot;
}

std::uint64_t TimerQueue::next_tick() const noexcept {
  for (unsigned level = 0; level < kLevels; ++level) {
    const std::uint64_t occupied = levels_[level].occupied;
    if (occupied == 0) continue;
    const auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied));
    const unsigned shift = level * kSlotBits;
    const std::uint64_t round = tick_ >> (shift + kSlotBits) << (shift + kSlotBits);
    return round | slot << shift;
  }
  return kNoTick;
}

Instant TimerQueue::next_due() const noexcept {
  const std::uint64_t tick = next_tick();
  if (tick == kNoTick) return Instant::never();
  constexpr std::uint64_t kLast = tick_at(Instant{Instant::never().ns - 1});
  return Instant{static_cast<std::int64_t>(std::min(tick, kLast) << kTickShift)};
}

std::size_t TimerQueue::run_slot(std::uint64_t tick) {
  const auto level_of = [this] {
    unsigned level = 0;
    while (levels_[level].occupied == 0) ++level;
    return level;
  };
  Level& level = levels_[level_of()];
  const auto slot = static_cast<unsigned>(std::countr_zero(level.occupied));
  level.occupied &= ~(std::uint64_t{1} << slot);
  tick_ = tick;

  Link due;
  move_all(level.slots[slot], due);
  std::size_t fired = 0;
  while (!is_empty(due)) {
    Timer& timer = static_cast<Timer&>(*due.next);
    unlink(timer);
    if (timer.when_.is_never()) continue;
    // Later than it is queued for when it was moved, sooner when it was armed for a time already past.
    const std::uint64_t wanted = std::max(tick_not_before(timer.when_), timer.queued_tick_);
    if (wanted > tick_) {
      insert(timer, wanted);
    } else {
      timer.when_ = Instant::never();
      timer.on_timer();
      ++fired;
    }
  }
  return fired;
}

std::size_t TimerQueue::advance(Instant now) {
  now_tick_ = std::max(now_tick_, tick_at(now));
  std::size_t fired = 0;
  for (std::uint64_t tick = next_tick(); tick <= now_tick_ && tick != kNoTick; tick = next_tick()) fired += run_slot(tick);
  tick_ = now_tick_;
  return fired;
}

}  // namespace postern::inline coro
