#include "engine/ring/blocking_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace postern::ring::blocking {
namespace {

constexpr std::size_t kStepBytes = 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const noexcept { return value_; }
  [[nodiscard]] int take() noexcept { return std::exchange(value_, -1); }

 private:
  int value_;
};

int open_flags(const OpenOptions& options) {
  int flags = O_CLOEXEC | O_NOFOLLOW;
  switch (options.mode) {
    case OpenMode::read: flags |= O_RDONLY; break;
    case OpenMode::read_write: flags |= O_RDWR; break;
    case OpenMode::create: flags |= O_RDWR | O_CREAT; break;
    case OpenMode::create_new: flags |= O_RDWR | O_CREAT | O_EXCL; break;
  }
  return flags;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int descriptor, const char* bytes, std::size_t count, off_t offset) {
  while (count > 0) {
    const ssize_t written = ::pwrite(descriptor, bytes, count, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure_from_errno(errno, "write file");
    if (written == 0) return failure_from_errno(ENOSPC, "write file");
    bytes += written;
    count -= static_cast<std::size_t>(written);
    offset += written;
  }
  return {};
}

// Whether writes go past the page cache from here on; they stay as they are where the file system refuses.
void set_direct(int descriptor, bool direct) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags >= 0) ::fcntl(descriptor, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT);
}

// In steps that end at multiples of their size; whole aligned blocks go past the page cache, the rest through it.
Result<void> write_zeros(int descriptor, std::uint64_t from, std::uint64_t to) {
  const std::unique_ptr<char, void (*)(void*)> zeros(static_cast<char*>(std::aligned_alloc(File::kDirectAlignment, kStepBytes)),
                                                     std::free);
  if (!zeros) return failure_from_errno(ENOMEM, "fill file");
  std::memset(zeros.get(), 0, kStepBytes);
  for (std::uint64_t at = from; at < to;) {
    const bool aligned = at % File::kDirectAlignment == 0 && to - at >= File::kDirectAlignment;
    const std::uint64_t unit = aligned ? kStepBytes : File::kDirectAlignment;
    std::uint64_t end = std::min((at / unit + 1) * unit, to);
    if (aligned) end -= end % File::kDirectAlignment;
    set_direct(descriptor, aligned);
    if (auto written = write_all(descriptor, zeros.get(), end - at, static_cast<off_t>(at)); !written) return written;
    at = end;
  }
  return {};
}

}  // namespace

Result<int> open_file(int root, const std::string& path, const OpenOptions& options) {
  const int descriptor = ::openat(root, path.c_str(), open_flags(options), options.permissions);
  if (descriptor < 0) return failure_from_errno(errno, "open file");
  // Not asked for in open(): where it is refused, that has made the file already, and a second try would find it there.
  if (options.direct) set_direct(descriptor, true);
  return descriptor;
}

Result<void> fill_with_zeros(int root, const std::string& path, std::uint64_t bytes) {
  const auto opened = open_file(root, path, {.mode = OpenMode::create});
  if (!opened) return failure(opened.error());
  const Descriptor file(*opened);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return failure_from_errno(errno, "stat file");
  const auto present = static_cast<std::uint64_t>(status.st_size);
  if (present > bytes && ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return failure_from_errno(errno, "cut file");
  if (present < bytes) {
    // Promise the extent before writing it, so that it is laid out in one piece; the size keeps saying how far the zeros reach.
    // Not every file system can.
    if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0 && errno == ENOSPC) {
      static_cast<void>(!::ftruncate(file.get(), status.st_size));  // what was promised before the space ran out
      return failure_from_errno(ENOSPC, "allocate file");
    }
    if (auto written = write_zeros(file.get(), present, bytes); !written) return written;
  }
  if (::fsync(file.get()) != 0) return failure_from_errno(errno, "sync file");
  return {};
}

Result<void> make_directory(int root, const std::string& path, unsigned permissions) {
  if (::mkdirat(root, path.c_str(), permissions) == 0) return {};
  const int error = errno;
  struct stat status{};
  if (error == EEXIST && ::fstatat(root, path.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode)) return {};
  return failure_from_errno(error, "make directory");
}

Result<std::vector<DirectoryEntry>> list(int root, const std::string& path) {
  Descriptor descriptor(::openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return failure_from_errno(errno, "list directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(descriptor.get()), ::closedir);
  if (!directory) return failure_from_errno(errno, "list directory");
  static_cast<void>(descriptor.take());
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    // Half a list must not pass for a whole one: what is not in it would be taken for gone.
    if (entry == nullptr && errno != 0) return failure_from_errno(errno, "list directory");
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status{};
    if (::fstatat(::dirfd(directory.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // gone meanwhile
      return failure_from_errno(errno, "list directory");
    }
    entries.push_back({name, S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size)});
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<void> rename(int root, const std::string& from, const std::string& to) {
  if (::renameat(root, from.c_str(), root, to.c_str()) != 0) return failure_from_errno(errno, "rename");
  return {};
}

Result<void> link_new(int root, const std::string& from, const std::string& to) {
  if (::linkat(root, from.c_str(), root, to.c_str(), 0) != 0) return failure_from_errno(errno, "link");
  return {};
}

Result<void> remove(int root, const std::string& path) {
  if (::unlinkat(root, path.c_str(), 0) != 0) return failure_from_errno(errno, "remove");
  return {};
}

Result<void> sync_directory(int root, const std::string& path) {
  const Descriptor directory(::openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return failure_from_errno(errno, "sync directory");
  return {};
}

Result<SpaceInfo> space(int root, const std::string& path) {
  const Descriptor directory(::openat(root, path.c_str(), O_RDONLY | O_CLOEXEC));
  struct statvfs status{};
  if (directory.get() < 0 || ::fstatvfs(directory.get(), &status) != 0) return failure_from_errno(errno, "file system space");
  return SpaceInfo{status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize, status.f_favail};
}

Result<std::string> read_all(int root, const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::openat(root, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failure_from_errno(errno, "read file");
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) return failure(Errc::too_large, "read file");
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t count = ::pread(file.get(), content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure_from_errno(errno, "read file");
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  content.resize(have);
  return content;
}

Result<void> replace(int root, const std::string& path, const std::string& content) {
  const std::string fresh = path + ".new";
  {
    const Descriptor file(::openat(root, fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) return failure_from_errno(errno, "create file");
    if (auto written = write_all(file.get(), content.data(), content.size(), 0); !written) return written;
    if (::fdatasync(file.get()) != 0) return failure_from_errno(errno, "sync file");
  }
  if (auto renamed = rename(root, fresh, path); !renamed) return renamed;
  return sync_directory(root, parent_of(path));
}

}  // namespace postern::ring::blocking
