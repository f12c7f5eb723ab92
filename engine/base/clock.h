// Time, through one seam, so that a simulation can own it. Monotonic time is for waiting, wall time for people and records.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace postern::inline base {

// A point on the monotonic clock, in nanoseconds since an arbitrary start. `never()` lies after every other.
struct Instant {
  std::int64_t ns = 0;

  [[nodiscard]] static constexpr Instant never() noexcept { return {std::numeric_limits<std::int64_t>::max()}; }
  [[nodiscard]] constexpr bool is_never() const noexcept { return *this == never(); }
  // Saturates at both ends; never() plus anything is never().
  [[nodiscard]] constexpr Instant plus_ms(std::int64_t ms) const noexcept {
    if (is_never()) return never();
    std::int64_t step = 0;
    std::int64_t sum = 0;
    if (!__builtin_mul_overflow(ms, std::int64_t{1'000'000}, &step) && !__builtin_add_overflow(ns, step, &sum)) return {sum};
    return ms > 0 ? never() : Instant{std::numeric_limits<std::int64_t>::min()};
  }
  friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
};

// Wall time in microseconds since 1970-01-01 00:00:00 UTC.
struct WallTime {
  std::int64_t us = 0;

  // Whole seconds, rounded down (also before 1970).
  [[nodiscard]] constexpr std::int64_t seconds() const noexcept { return us / 1'000'000 - (us % 1'000'000 < 0 ? 1 : 0); }
  friend constexpr auto operator<=>(const WallTime&, const WallTime&) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
};

// The kernel's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME). Any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] WallTime wall_now() const override;
};

// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return wall_; }
  void advance_ms(std::int64_t ms) {
    now_.ns += ms * 1'000'000;
    wall_.us += ms * 1'000;
  }
  void set_wall(WallTime wall) { wall_ = wall; }

 private:
  Instant now_{1'000'000'000};
  WallTime wall_{1'700'000'000'000'000};
};

// "2026-11-21 09:41:07" in local time, the main log's form.
[[nodiscard]] std::string format_log_time(WallTime time);
// "Sat, 21 Nov 2026 09:41:07 +0000" in local time: RFC 5322 section 3.3.
[[nodiscard]] std::string format_rfc5322_time(WallTime time);

enum class Zone : std::uint8_t { local, utc };
// As strftime(3) does, in the C locale; at most 127 bytes.
[[nodiscard]] std::string format_time(WallTime time, const char* format, Zone zone);

}  // namespace postern::inline base
