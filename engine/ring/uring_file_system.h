// The real FileSystem: reads and writes over the ring, everything else on the offload threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/file.h"
#include "engine/ring/ring.h"
#include "engine/shard/offload.h"

namespace postern::ring {

// One shard. Ring and offload outlive it; it outlives its files.
class UringFileSystem final : public FileSystem {
 public:
  // Relative paths are below the directory open as `root_descriptor`, which is taken over.
  UringFileSystem(Ring& ring, shard::Offload& offload, int root_descriptor) noexcept
      : ring_(ring), offload_(offload), root_(root_descriptor) {}
  ~UringFileSystem() override;
  UringFileSystem(const UringFileSystem&) = delete;
  UringFileSystem& operator=(const UringFileSystem&) = delete;

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
  Ring& ring_;
  shard::Offload& offload_;
  int root_;
  bool buffers_registered_ = false;
};

}  // namespace postern::ring
