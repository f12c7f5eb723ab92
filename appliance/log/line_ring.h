// Log lines between the shard that writes them and the thread that puts them into files.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/log/log_sink.h"

namespace postern::log {

// Bounded; one producer thread, one consumer thread; no locks.
class LineRing {
 public:
  // `capacity_bytes` is a power of two.
  explicit LineRing(std::size_t capacity_bytes);

  // Producer. False when there is no room: nothing was written. The line is the two parts one after the other.
  [[nodiscard]] bool push(Stream stream, std::string_view first, std::string_view second) noexcept;
  [[nodiscard]] bool more_than_half_full() const noexcept;
  // Where the next line goes; positions only grow.
  [[nodiscard]] std::uint64_t position() const noexcept { return written_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool empty() const noexcept { return read_.load(std::memory_order_acquire) == position(); }

  // Consumer. Appends the oldest line with a newline to the text of its stream; false when there is none before `limit`.
  bool pop(std::string& main, std::string& reject, std::string& panic, std::uint64_t limit = UINT64_MAX);

 private:
  struct Header {
    std::uint32_t size;
    Stream stream;
    std::uint8_t padding[3];
  };
  void put(std::uint64_t at, const void* bytes, std::size_t count) noexcept;
  void get(std::uint64_t at, void* bytes, std::size_t count) const noexcept;

  const std::size_t mask_;
  std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace postern::log
