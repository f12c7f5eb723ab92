#include "bench/load/schedule.h"

#include <cmath>
#include <utility>

namespace postern::load {

Schedule::Schedule(Arrivals arrivals, double per_second, std::uint64_t count, std::uint64_t seed) noexcept
    : arrivals_(arrivals), ns_between_(per_second > 0 ? 1e9 / per_second : 0), count_(count), random_(seed) {}

void Schedule::begin(Instant start, Instant end) noexcept {
  start_ = start;
  end_ = end;
  next_due_ = start < end ? start : Instant::never();
}

std::optional<Due> Schedule::take(Instant now) noexcept {
  if (!has_due(now)) return std::nullopt;
  const Due due{arrivals_ == Arrivals::at_once ? now : next_due_, taken_++};
  advance();
  return due;
}

void Schedule::advance() noexcept {
  if (count_ != 0 && taken_ == count_) return stop();
  if (arrivals_ == Arrivals::at_once) return;
  if (arrivals_ == Arrivals::even) {
    offset_ns_ = static_cast<double>(taken_) * ns_between_;  // a sum would drift
  } else {
    const double uniform = (static_cast<double>(random_.next() >> 11) + 1) * 0x1p-53;  // above 0, at most 1
    offset_ns_ -= std::log(uniform) * ns_between_;
  }
  next_due_ = {start_.ns + std::llround(offset_ns_)};
  if (next_due_ >= end_) stop();
}

std::uint64_t Schedule::stop_and_count_overdue(Instant now) noexcept {
  const std::uint64_t taken = taken_;
  if (arrivals_ != Arrivals::at_once)
    for (; next_due_ <= now; advance()) ++taken_;
  stop();
  return std::exchange(taken_, taken) - taken;
}

}  // namespace postern::load
