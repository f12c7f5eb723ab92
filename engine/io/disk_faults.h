// What is to be wrong with a disk, for benchmarks and tests of whole processes, and how people write it down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace postern::inline io {

enum class DiskOp : std::uint8_t {
  write,      // File::write
  durable,    // File::write_durable
  sync,       // File::sync
  fill,       // FileSystem::fill_with_zeros
  directory,  // FileSystem::sync_directory
  replace,    // FileSystem::replace
};

struct DiskFault {
  DiskOp op = DiskOp::durable;
  Error error{Errc::io, 5, "disk fault"};
  bool is_short = false;   // a write of half the bytes, in whole blocks, which says so, instead of the error
  bool lands = false;      // the bytes are on the disk all the same
  std::uint64_t skip = 0;  // operations of the kind that pass first
  std::uint64_t count = 1;

  friend bool operator==(const DiskFault&, const DiskFault&) = default;
};

struct DiskFaults {
  std::int64_t flush_delay_us = 0;  // what each flush takes longer: a durable write, a sync, the syncs of the others
  std::vector<DiskFault> faults;    // the first that matches and is not used up is taken

  [[nodiscard]] bool any() const noexcept { return flush_delay_us > 0 || !faults.empty(); }
};

inline constexpr std::int64_t kFlushDelayUsMax = 1'000'000;
inline constexpr std::size_t kDiskFaultsMax = 16;

// Microseconds, 1 to kFlushDelayUsMax. The error is a text for people.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_flush_delay(std::string_view text);

// "durable:EIO:skip=100:count=2,sync:ENOSPC:lands,write:short": a comma between faults; each names the operation (as DiskOp),
// what becomes of it (EIO, ENOSPC, short), and may say `lands`, skip=n and count=n.
[[nodiscard]] std::expected<std::vector<DiskFault>, std::string> parse_disk_faults(std::string_view text);
// The same for people: that this is a test, and what is wrong with the disk.
[[nodiscard]] std::string describe(const DiskFaults& disk);
// Such a text again.
[[nodiscard]] std::string format_disk_faults(const std::vector<DiskFault>& faults);

}  // namespace postern::inline io
