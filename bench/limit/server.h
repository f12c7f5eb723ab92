// What the hardware and the kernel allow: a server that does nothing but the input and output of taking mail, and group commit.
#pragma once

#include <cstdint>
#include <string>

namespace postern::limit {

struct Options {
  std::uint16_t port = 2525;         // on 127.0.0.1
  std::string directory;             // where the segment is made; empty: messages are thrown away
  std::uint64_t flush_delay_us = 0;  // a slower disk: each durable write is said to be done so much later
};

// Serves until the program is killed. Says "ready" on standard output when it listens. An error ends the program.
[[noreturn]] void serve(const Options& options);

}  // namespace postern::limit
