#include "appliance/log/log_line.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace postern::log {

void append_time_taken(std::string& out, std::int64_t us, bool millisec) {
  us = std::max<std::int64_t>(us, 0);
  std::int64_t seconds = us / 1'000'000;
  if (millisec && seconds < 5) {
    std::array<char, 32> text;
    const int size = std::snprintf(text.data(), text.size(), "%lld.%03llds", static_cast<long long>(seconds),
                                   static_cast<long long>(us % 1'000'000 / 1'000));
    out.append(text.data(), static_cast<std::size_t>(size));
    return;
  }
  struct Unit {
    std::int64_t seconds;
    char letter;
  };
  const bool is_none = seconds == 0;
  for (const Unit& unit : {Unit{7 * 86'400, 'w'}, {86'400, 'd'}, {3'600, 'h'}, {60, 'm'}, {1, 's'}}) {
    const std::int64_t count = seconds / unit.seconds;
    seconds %= unit.seconds;
    if (count > 0 || (is_none && unit.letter == 's')) out.append(std::to_string(count)).push_back(unit.letter);
  }
}

}  // namespace postern::log
