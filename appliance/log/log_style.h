// How log lines look.
#pragma once

#include <cstdint>
#include <string>

namespace postern::log {

struct LogStyle {
  enum class Format : std::uint8_t {
    exim,  // "2026-11-28 10:00:00 " and the text
    json,  // one object a line: time, log, process, event, the fields, text
  };
  Format format = Format::exim;
  bool millisec = false;   // in times; JSON has microseconds anyway
  bool timezone = false;   // behind times; likewise
  bool pid = false;        // behind those
  bool reject_log = true;  // what is for the reject log goes there
  std::string process;     // "ingress", "delivery": in JSON
};

}  // namespace postern::log
