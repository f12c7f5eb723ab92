// Files and directories, through one seam: io_uring behind it in production, memory with injected faults in tests, a seeded
// disk in simulations.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/buffer/chain.h"
#include "engine/coro/task.h"
#include "engine/io/file_request.h"

namespace postern::inline io {

// An open file. Operations are awaited to their end (no deadline: the kernel owns the bytes until then), may be in flight side
// by side, and complete in any order. One shard. Destroyed only when none is in flight.
class File {
 public:
  virtual ~File() = default;

  // Reads up to bytes.size() bytes at `offset`; fewer at the end of the file, 0 beyond it. For files opened direct, memory,
  // offset and size are multiples of kDirectAlignment. `bytes` stays until the end.
  [[nodiscard]] FileAwaiter read(std::span<std::byte> bytes, std::uint64_t offset);
  // Writes at `offset`. The count may be short; a failed or short write leaves the range in doubt.
  [[nodiscard]] FileAwaiter write(std::span<const std::byte> bytes, std::uint64_t offset);
  // The same with the slices of `chain` one behind the other, none of them copied on the way to the kernel. At most
  // kGatherSlicesMax (checked); `chain` stays until the end. Not for files opened direct.
  [[nodiscard]] FileAwaiter write(const Chain& chain, std::uint64_t offset);
  // As write, and on the disk when it completes (RWF_DSYNC, or write and fdatasync where that is refused). `fixed_buffer` is
  // the index under which FileSystem::register_buffers knows the memory, or -1.
  [[nodiscard]] FileAwaiter write_durable(std::span<const std::byte> bytes, std::uint64_t offset, int fixed_buffer = -1);
  // fdatasync. Completes with 0.
  [[nodiscard]] FileAwaiter sync();

  // The same without a coroutine, for writers that are state machines: request.on_done() is called from the loop, never from
  // within. The request stays until then.
  virtual void start(FileRequest& request) = 0;

  static constexpr std::size_t kDirectAlignment = 4096;
  static constexpr std::size_t kGatherSlicesMax = 1024;
};

enum class OpenMode : std::uint8_t {
  read,        // must exist
  read_write,  // must exist
  create,      // read and write; made when missing
  create_new,  // read and write; Errc::exists when it is there
};

struct OpenOptions {
  OpenMode mode = OpenMode::read;
  bool direct = false;  // O_DIRECT; falls back to the page cache where the file system refuses it
  unsigned permissions = 0600;
};

struct SpaceInfo {
  std::uint64_t free_bytes = 0;  // to an unprivileged writer
  std::uint64_t total_bytes = 0;
  std::uint64_t free_inodes = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size_bytes = 0;
};

// Paths are relative to the root the FileSystem was made for, or absolute. Nothing follows a symbolic link in the last
// component. Every call suspends; the work runs off the shard's thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) = 0;
  // Makes `path` a file of `bytes` zero bytes that are really on the disk (written, not just promised), so that later
  // O_DIRECT writes into it change no metadata. Works in steps of 1 MiB and syncs at the end. An existing longer file is cut;
  // an existing shorter one is filled up; bytes already there within `bytes` stay.
  [[nodiscard]] virtual Task<Result<void>> fill_with_zeros(std::string path, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Task<Result<void>> make_directory(std::string path, unsigned permissions) = 0;  // exists: success
  [[nodiscard]] virtual Task<Result<std::vector<DirectoryEntry>>> list(std::string directory) = 0;      // sorted by name
  // Atomic; replaces `to`.
  [[nodiscard]] virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  [[nodiscard]] virtual Task<Result<void>> link_new(std::string from, std::string to) = 0;  // hard link; exists is an error
  [[nodiscard]] virtual Task<Result<void>> remove(std::string path) = 0;
  // fsync of a directory: makes creations, renames and removals in it durable.
  [[nodiscard]] virtual Task<Result<void>> sync_directory(std::string directory) = 0;
  [[nodiscard]] virtual Task<Result<SpaceInfo>> space(std::string path) = 0;
  // A small file, whole; too_large over `bytes_max`.
  [[nodiscard]] virtual Task<Result<std::string>> read_all(std::string path, std::size_t bytes_max) = 0;
  // Replaces `path` durably by way of `path`.new: write, fdatasync, rename, fsync of the directory.
  [[nodiscard]] virtual Task<Result<void>> replace(std::string path, std::string content) = 0;
  // Tells the kernel of memory that write_durable() will name by index. Once per FileSystem. Without it, or where it is not
  // supported, fixed_buffer is ignored.
  [[nodiscard]] virtual Result<void> register_buffers(std::vector<std::span<std::byte>> buffers) = 0;
};

}  // namespace postern::inline io
