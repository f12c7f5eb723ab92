// A worse disk than the one below it: flushes take longer, chosen operations fail or fall short. It stands over any FileSystem,
// so that a real process can be measured and tested on a disk that this machine does not have. What a loss of power takes away
// is FakeFileSystem's to show, and tests/powerloss's.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/io/delays.h"
#include "engine/io/disk_faults.h"
#include "engine/io/file.h"

namespace postern::inline io {

// One shard. `below` and `delays` outlive it; it outlives its files.
class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem(FileSystem& below, Delays& delays, DiskFaults faults)
      : below_(below), delays_(delays), faults_(std::move(faults)) {}
  FaultyFileSystem(const FaultyFileSystem&) = delete;
  FaultyFileSystem& operator=(const FaultyFileSystem&) = delete;

  [[nodiscard]] Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  [[nodiscard]] Task<Result<void>> fill_with_zeros(std::string path, std::uint64_t bytes) override;
  [[nodiscard]] Task<Result<void>> make_directory(std::string path, unsigned permissions) override;
  [[nodiscard]] Task<Result<std::vector<DirectoryEntry>>> list(std::string directory) override;
  [[nodiscard]] Task<Result<void>> rename(std::string from, std::string to) override;
  [[nodiscard]] Task<Result<void>> link_new(std::string from, std::string to) override;
  [[nodiscard]] Task<Result<void>> remove(std::string path) override;
  [[nodiscard]] Task<Result<void>> sync_directory(std::string directory) override;
  [[nodiscard]] Task<Result<SpaceInfo>> space(std::string path) override;
  [[nodiscard]] Task<Result<std::string>> read_all(std::string path, std::size_t bytes_max) override;
  [[nodiscard]] Task<Result<void>> replace(std::string path, std::string content) override;
  [[nodiscard]] Result<void> register_buffers(std::vector<std::span<std::byte>> buffers) override;

 private:
  class Handle;
  class Pending;
  class Pause;

  [[nodiscard]] std::optional<DiskFault> take_fault(DiskOp op);
  [[nodiscard]] Task<Result<void>> pass(DiskOp op, unsigned flushes, Task<Result<void>> below);

  FileSystem& below_;
  Delays& delays_;
  DiskFaults faults_;
};

}  // namespace postern::inline io
