// The files of one writer's directory, as both sides see them.
//
//   <directory>/0000000000000012.seg       in use: being written, prepared, or sealed and not yet wholly delivered
//   <directory>/free/0000000000000007.seg  handed back: anything in it may be overwritten
//   <directory>/0000000000000003.damaged   its first block does not read; left for a person
//   <directory>/ids                        message_ids.h
//
// Names are hexadecimal segment numbers so that a listing sorts; they identify nothing. What a file is, its header says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/spool/segment_format.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

[[nodiscard]] std::string segment_name(std::uint64_t number);  // "0000000000000012.seg"
[[nodiscard]] std::optional<std::uint64_t> parse_segment_name(std::string_view name) noexcept;

struct SegmentInfo {
  std::string path;
  std::uint64_t file_bytes = 0;
  HeaderState state = HeaderState::damaged;
  std::uint32_t version = 0;
  SegmentHeader header;             // meaningful only when state is good
  std::optional<SegmentSeal> seal;  // only when state is good
};

// Reads header and seal of one file. Suspends.
[[nodiscard]] Task<Result<SegmentInfo>> read_segment_info(FileSystem& files, std::string path);

// Where reading `segment` ends for good: its seal, else a note in another header of `all`; nothing while neither is on the
// disk.
[[nodiscard]] std::optional<std::uint64_t> final_end(const SegmentInfo& segment, std::span<const SegmentInfo> all) noexcept;

// One shard. The FileSystem outlives it.
class SegmentDirectory {
 public:
  SegmentDirectory(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string free_path() const { return path_ + "/free"; }
  // Where the segment of that number has its file while in use.
  [[nodiscard]] std::string path_of(std::uint64_t number) const { return path_ + "/" + segment_name(number); }

  // Makes the directory and free/ durably; the parent is there, and stays whatever happens. Suspends.
  [[nodiscard]] Task<Result<void>> make();

  // The segments in use, by number (those whose header does not read come first). A file that is handed back meanwhile is left
  // out. Suspends.
  [[nodiscard]] Task<Result<std::vector<SegmentInfo>>> list() const;
  // Those in free/.
  [[nodiscard]] Task<Result<std::vector<SegmentInfo>>> list_free() const;

  // For the reader, after its durable record that every message of `key` is done: moves the segment into free/. Not synced: the
  // writer does that before it reuses the file, and after a crash the segment may be in use again, wholly done. Errors:
  // not_found, busy (not sealed, or its header alone says where another segment still in use ends: hand that one back first).
  // Suspends.
  [[nodiscard]] Task<Result<void>> hand_back(SegmentKey key) const;

  // For the reader: true when no file in use or free carries this incarnation any more and that is durable, so that its journal
  // may forget it. Suspends.
  [[nodiscard]] Task<Result<bool>> is_gone(std::uint64_t incarnation) const;

  // For directories of shards that no longer exist: removes all files in free/. Suspends.
  [[nodiscard]] Task<Result<void>> remove_free() const;

 private:
  [[nodiscard]] Task<Result<std::vector<SegmentInfo>>> list_in(std::string directory) const;
  [[nodiscard]] Task<Result<void>> move_to_free(std::string path) const;

  FileSystem& files_;
  std::string path_;
};

}  // namespace postern::spool
