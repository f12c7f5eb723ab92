// Reading a side file from beginning to end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "appliance/spool/record.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

// One shard. Pool and file system outlive it and its slices.
class SideFileReader {
 public:
  // not_found when the file is gone; any error of the disk. `expected` is copied but for its name. Suspends.
  [[nodiscard]] static Task<Result<std::unique_ptr<SideFileReader>>> open(FileSystem& files, std::string path,
                                                                          SideFileView expected, BlockPool& pool);

  // The next bytes; an empty slice behind the last. bad_format, before the last bytes are handed out, when the file is not
  // what its record says: too short, or with another checksum. Suspends.
  [[nodiscard]] Task<Result<Slice>> next();

 private:
  SideFileReader(std::unique_ptr<File> file, SideFileView expected, BlockPool& pool) noexcept
      : file_(std::move(file)), bytes_(expected.bytes), expected_crc_(expected.crc), pool_(pool) {}

  std::unique_ptr<File> file_;
  std::uint64_t bytes_;
  std::uint32_t expected_crc_;
  BlockPool& pool_;
  std::uint64_t at_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace postern::spool
