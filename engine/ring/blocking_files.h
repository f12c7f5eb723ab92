// The system calls behind UringFileSystem that wait for the disk. They run on offload threads. `root` is an open directory for
// relative paths. No file is opened through a symbolic link in the last component; list, sync_directory, space and
// make_directory, which only look at directories, follow one.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/file.h"

namespace postern::ring::blocking {

// An open descriptor, the caller's.
[[nodiscard]] Result<int> open_file(int root, const std::string& path, const OpenOptions& options);
[[nodiscard]] Result<void> fill_with_zeros(int root, const std::string& path, std::uint64_t bytes);
[[nodiscard]] Result<void> make_directory(int root, const std::string& path, unsigned permissions);
[[nodiscard]] Result<std::vector<DirectoryEntry>> list(int root, const std::string& path);
[[nodiscard]] Result<void> rename(int root, const std::string& from, const std::string& to);
[[nodiscard]] Result<void> link_new(int root, const std::string& from, const std::string& to);
[[nodiscard]] Result<void> remove(int root, const std::string& path);
[[nodiscard]] Result<void> sync_directory(int root, const std::string& path);
[[nodiscard]] Result<SpaceInfo> space(int root, const std::string& path);
[[nodiscard]] Result<std::string> read_all(int root, const std::string& path, std::size_t bytes_max);
[[nodiscard]] Result<void> replace(int root, const std::string& path, const std::string& content);

}  // namespace postern::ring::blocking
