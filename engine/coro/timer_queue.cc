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

}  // namespace

Timer::~Timer() {
  if (next != nullptr) unlink(*this);
}

TimerQueue::TimerQueue(Instant start) : tick_(static_cast<std::uint64_t>(start.ns) >> kTickShift) {
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
  const std::uint64_t wanted = std::max(static_cast<std::uint64_t>(when.ns + (1 << kTickShift) - 1) >> kTickShift, tick_ + 1);
  if (timer.next != nullptr) {
    if (timer.queued_tick_ <= wanted) return;
    unlink(timer);
  }
  insert(timer, wanted);
}

// The level is that of the highest digit (base 64) in which the tick differs from now: a slot then never holds timers of two
// different rounds, and a slot is emptied exactly when the clock reaches its first tick.
void TimerQueue::insert(Timer& timer, std::uint64_t tick) noexcept {
  constexpr std::uint64_t kHorizon = (std::uint64_t{1} << (kSlotBits * kLevels)) - 1;
  tick = std::min(tick, tick_ | kHorizon);
  POSTERN_CHECK(tick > tick_ || tick == (tick_ | kHorizon));
  const std::uint64_t difference = std::max<std::uint64_t>(tick ^ tick_, 1);
  const unsigned level = static_cast<unsigned>(std::bit_width(difference) - 1) / kSlotBits;
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
  return Instant{static_cast<std::int64_t>(tick << kTickShift)};
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
    const std::uint64_t wanted = static_cast<std::uint64_t>(timer.when_.ns + (1 << kTickShift) - 1) >> kTickShift;
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
  const std::uint64_t now_tick = static_cast<std::uint64_t>(now.ns) >> kTickShift;
  std::size_t fired = 0;
  for (std::uint64_t tick = next_tick(); tick <= now_tick && tick != kNoTick; tick = next_tick()) fired += run_slot(tick);
  tick_ = std::max(tick_, now_tick);
  return fired;
}

}  // namespace postern::inline coro
