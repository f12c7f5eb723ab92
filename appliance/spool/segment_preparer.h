// Makes segments ready ahead of need: takes a file from free/, or makes one full of zeros, gives it a new identity while it
// still lies in free/, and only then moves it among those in use. So a header that did not reach the disk whole is never found
// in use.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "appliance/spool/open_segment.h"
#include "appliance/spool/segment_directory.h"
#include "appliance/spool/segment_format.h"
#include "appliance/spool/stats.h"
#include "engine/base/ids.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

struct PreparerOptions {
  ShardId shard;
  std::uint64_t segment_bytes = 0;
  std::uint32_t free_segments_max = 0;
};

// One shard; one call at a time.
class SegmentPreparer {
 public:
  SegmentPreparer(FileSystem& files, const SegmentDirectory& directory, PreparerOptions options, Random& random,
                  SpoolStats& stats) noexcept
      : files_(files), directory_(directory), options_(options), random_(random), stats_(stats) {}

  // Numbers of later segments are above this one.
  void set_highest_number(std::uint64_t number) noexcept { highest_number_ = number; }

  // A segment that may be written to: zero-filled or recycled, its header (with `notes`, at most kNotesMax) and its place among
  // those in use durable. `live` are the writer's own segments, which are refused when they are found in free/. Suspends.
  [[nodiscard]] Task<Result<std::unique_ptr<OpenSegment>>> prepare(std::vector<SegmentNote> notes,
                                                                   std::vector<SegmentKey> live);
  // Gives back a segment that nothing was written to. Best effort: recovery does the same.
  [[nodiscard]] Task<void> put_back(std::unique_ptr<OpenSegment> segment);
  // Fills free/ up to `count` segments, durably.
  [[nodiscard]] Task<Result<void>> stock(std::uint32_t count);
  // Counts free/ and removes what is above the maximum.
  [[nodiscard]] Task<void> tidy();

 private:
  [[nodiscard]] Task<Result<std::vector<DirectoryEntry>>> free_files();
  [[nodiscard]] Task<Result<void>> fill(std::string path);
  [[nodiscard]] Task<Result<std::unique_ptr<OpenSegment>>> take(std::string path, std::uint64_t file_bytes,
                                                                const std::vector<SegmentNote>& notes,
                                                                const std::vector<SegmentKey>& live);
  [[nodiscard]] Task<Result<void>> sync_both();
  [[nodiscard]] SegmentHeader make_header(const std::vector<SegmentNote>& notes);

  FileSystem& files_;
  const SegmentDirectory& directory_;
  PreparerOptions options_;
  Random& random_;
  SpoolStats& stats_;
  std::uint64_t highest_number_ = 0;
};

}  // namespace postern::spool
