// Whether there is room for more mail: the low-space watch behind 452 4.3.1, and what is promised to messages under way.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "engine/base/result.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

struct SpaceLimits {
  std::uint64_t bytes_min = 10ULL << 20;  // check_spool_space
  std::uint64_t inodes_min = 100;         // check_spool_inodes
  std::uint32_t sharers = 1;              // shards that share the file system: each promises only its part
};

class SpaceWatch;

// Room promised to one message. Given back when it goes.
class [[nodiscard]] SpaceReservation {
 public:
  SpaceReservation() = default;
  SpaceReservation(SpaceReservation&& other) noexcept
      : watch_(std::exchange(other.watch_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  SpaceReservation& operator=(SpaceReservation&& other) noexcept;
  ~SpaceReservation() { release(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  // That many have been written (at most all): they are the file system's to count from its next look on.
  void spend(std::uint64_t bytes) noexcept;
  void release() noexcept;

 private:
  friend class SpaceWatch;
  SpaceReservation(SpaceWatch& watch, std::uint64_t bytes) noexcept : watch_(&watch), bytes_(bytes) {}
  SpaceWatch* watch_ = nullptr;
  std::uint64_t bytes_ = 0;
};

// One shard; outlives its reservations.
class SpaceWatch {
 public:
  explicit SpaceWatch(const SpaceLimits& limits) noexcept : limits_(limits) {}
  SpaceWatch(const SpaceWatch&) = delete;
  SpaceWatch& operator=(const SpaceWatch&) = delete;

  // What the file system says now, and bytes already ours that can be written again (SegmentWriter::reusable_bytes()).
  void update(const SpaceInfo& info, std::uint64_t reusable_bytes) noexcept;
  // True from the moment either figure falls below its minimum until both are an eighth above it, and before the first update.
  // Inodes count from the first update that shows any: some file systems have no such number.
  [[nodiscard]] bool low() const noexcept { return low_; }
  // Promises `bytes`; disk_full when low, or when this shard's part of what is free above the minimum does not hold them.
  [[nodiscard]] Result<SpaceReservation> try_reserve(std::uint64_t bytes) noexcept;
  // Promises `bytes` more to a message that grew beyond what it said. False leaves the reservation as it was.
  [[nodiscard]] bool try_grow(SpaceReservation& reservation, std::uint64_t bytes) noexcept;

  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return free_bytes_; }
  // Promised and not written, or written since the last look.
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept { return reserved_bytes_ + spent_bytes_; }

 private:
  friend class SpaceReservation;
  [[nodiscard]] bool fits(std::uint64_t bytes) const noexcept;

  SpaceLimits limits_;
  std::uint64_t free_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t spent_bytes_ = 0;  // since the last update
  bool low_ = true;
  bool updated_ = false;
  bool counts_inodes_ = false;
};

}  // namespace postern::spool
