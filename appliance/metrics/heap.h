// What the allocator says of itself.
#pragma once

#include <cstdint>
#include <optional>

namespace postern::metrics {

struct HeapFigures {
  std::uint64_t allocations =
      0;  // asked for since the start, those from a thread's cache too; the latest of each thread are missing
  std::uint64_t allocated_bytes = 0;
  std::uint64_t resident_bytes = 0;
};

// Nothing in programs that run on another allocator than jemalloc (those built with sanitizers). Any thread; costs tens of
// microseconds.
[[nodiscard]] std::optional<HeapFigures> heap_figures();

}  // namespace postern::metrics
