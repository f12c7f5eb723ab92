#include "engine/base/clock.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace postern::inline base {
namespace {

std::tm local_time(WallTime time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

std::tm utc(WallTime time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

Instant SystemClock::now() const {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

WallTime SystemClock::wall_now() const {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {t.tv_sec * 1'000'000 + t.tv_nsec / 1'000};
}

std::string format_log_time(WallTime time) {
  const std::tm t = local_time(time);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                t.tm_min, t.tm_sec);
  return text;
}

std::string format_rfc5322_time(WallTime time) {
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm t = local_time(time);
  const long offset_min = std::labs(t.tm_gmtoff) / 60;
  char text[80];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", kDays[static_cast<std::size_t>(t.tm_wday)],
                t.tm_mday, kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec,
                t.tm_gmtoff < 0 ? '-' : '+', offset_min / 60, offset_min % 60);
  return text;
}

std::string format_time(WallTime time, const char* format, Zone zone) {
  const std::tm t = zone == Zone::utc ? utc(time) : local_time(time);
  char text[128];
  return {text, std::strftime(text, sizeof text, format, &t)};
}

}  // namespace postern::inline base
