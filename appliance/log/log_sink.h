// Where log lines go. Never blocks and never fails: a line that finds no room is counted and dropped.
#pragma once

#include <cstdint>
#include <string_view>

#include "appliance/log/log_line.h"

namespace postern::log {

enum class Stream : std::uint8_t { main, reject, panic };

class LogSink {
 public:
  virtual ~LogSink() = default;
  // One line without time stamp and newline; control characters in it have been made printable by the caller.
  virtual void write(Stream stream, std::string_view line) = 0;
  // The same of a line whose parts are known, for those who tell them apart.
  virtual void write_line(Stream stream, const LogLine& line) { write(stream, line.text); }
};

}  // namespace postern::log
