#include "appliance/metrics/heap.h"

#include <cstddef>

extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                                     std::size_t new_size);

namespace postern::metrics {
namespace {

// A missing name counts as nothing: jemalloc may have been built without figures.
template <class T>
T read(const char* name) {
  T value{};
  std::size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : T{};
}

}  // namespace

std::optional<HeapFigures> heap_figures() {
  if (&mallctl == nullptr) return std::nullopt;
  std::uint64_t epoch = 1;  // the figures are taken when this is written
  if (mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) != 0) return std::nullopt;
  // 4096 stands for all arenas together.
  return HeapFigures{.allocations = read<std::uint64_t>("stats.arenas.4096.small.nrequests") +
                                    read<std::uint64_t>("stats.arenas.4096.large.nrequests"),
                     .allocated_bytes = read<std::size_t>("stats.allocated"),
                     .resident_bytes = read<std::size_t>("stats.resident")};
}

}  // namespace postern::metrics
