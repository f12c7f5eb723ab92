#include "engine/ring/uring_file_system.h"

#include <sys/uio.h>
#include <unistd.h>

#include <utility>

#include "engine/base/check.h"
#include "engine/ring/blocking_files.h"
#include "engine/ring/uring_file.h"

namespace postern::ring {

UringFileSystem::~UringFileSystem() { ::close(root_); }

// Parameters live in the coroutine frames below, so the functions that run on the pool may refer to them.

Task<Result<std::unique_ptr<File>>> UringFileSystem::open(std::string path, OpenOptions options) {
  auto job = [&] { return blocking::open_file(root_, path, options); };
  const Result<int> descriptor = co_await offload_.run(std::move(job));
  if (!descriptor) co_return failure(descriptor.error());
  co_return std::unique_ptr<File>(new UringFile(ring_, *descriptor, buffers_registered_));
}

Task<Result<void>> UringFileSystem::fill_with_zeros(std::string path, std::uint64_t bytes) {
  auto job = [&] { return blocking::fill_with_zeros(root_, path, bytes); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::make_directory(std::string path, unsigned permissions) {
  auto job = [&] { return blocking::make_directory(root_, path, permissions); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<std::vector<DirectoryEntry>>> UringFileSystem::list(std::string directory) {
  auto job = [&] { return blocking::list(root_, directory); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::rename(std::string from, std::string to) {
  auto job = [&] { return blocking::rename(root_, from, to); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::link_new(std::string from, std::string to) {
  auto job = [&] { return blocking::link_new(root_, from, to); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::remove(std::string path) {
  auto job = [&] { return blocking::remove(root_, path); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::sync_directory(std::string directory) {
  auto job = [&] { return blocking::sync_directory(root_, directory); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<SpaceInfo>> UringFileSystem::space(std::string path) {
  auto job = [&] { return blocking::space(root_, path); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<std::string>> UringFileSystem::read_all(std::string path, std::size_t bytes_max) {
  auto job = [&] { return blocking::read_all(root_, path, bytes_max); };
  co_return co_await offload_.run(std::move(job));
}

Task<Result<void>> UringFileSystem::replace(std::string path, std::string content) {
  auto job = [&] { return blocking::replace(root_, path, content); };
  co_return co_await offload_.run(std::move(job));
}

Result<void> UringFileSystem::register_buffers(std::vector<std::span<std::byte>> buffers) {
  POSTERN_CHECK(!buffers_registered_);
  std::vector<iovec> vectors;
  for (const std::span<std::byte> buffer : buffers) vectors.push_back({buffer.data(), buffer.size()});
  if (const int error = io_uring_register_buffers(&ring_.raw(), vectors.data(), static_cast<unsigned>(vectors.size()));
      error < 0)
    return failure_from_errno(-error, "register buffers");
  buffers_registered_ = true;
  return {};
}

}  // namespace postern::ring
