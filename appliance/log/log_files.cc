#include "appliance/log/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace postern::log {
namespace {

constexpr std::int64_t kLookEveryMs = 1'000;
constexpr mode_t kPermissions = 0640;

bool is_still_there(int descriptor, const std::string& path) {
  struct stat open_file{};
  struct stat named_file{};
  return ::fstat(descriptor, &open_file) == 0 && ::stat(path.c_str(), &named_file) == 0 &&
         open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

Result<int> open_for_appending(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kPermissions);
  if (descriptor < 0) return failure_from_errno(errno, "open log file");
  return descriptor;
}

}  // namespace

std::string LogFiles::path(std::string_view pattern, Stream stream) {
  static constexpr std::array<std::string_view, 3> kNames{"main", "reject", "panic"};
  std::string path(pattern);
  if (const std::size_t at = path.find("%s"); at != std::string::npos)
    path.replace(at, 2, kNames[static_cast<std::size_t>(stream)]);
  return path;
}

LogFiles::LogFiles(std::string pattern) {
  for (const Stream stream : {Stream::main, Stream::reject, Stream::panic})
    files_[static_cast<std::size_t>(stream)].path = path(pattern, stream);
}

LogFiles::~LogFiles() {
  for (const File& file : files_)
    if (file.descriptor >= 0) ::close(file.descriptor);
}

Result<void> LogFiles::make_current(File& file, Instant now) {
  if (file.descriptor >= 0) {
    if (now < file.looked_at.plus_ms(kLookEveryMs)) return {};
    file.looked_at = now;
    if (is_still_there(file.descriptor, file.path)) return {};
    ::close(file.descriptor);
  }
  const Result<int> opened = open_for_appending(file.path);
  file.descriptor = opened ? *opened : -1;
  file.looked_at = now;
  if (!opened) return failure(opened.error());
  return {};
}

// Only the main log tells whether the place will do: the others come into being with their first line.
Result<void> LogFiles::move_to(std::string_view pattern) {
  const Result<int> main = open_for_appending(path(pattern, Stream::main));
  if (!main) return failure(main.error());
  for (const Stream stream : {Stream::main, Stream::reject, Stream::panic}) {
    File& file = files_[static_cast<std::size_t>(stream)];
    if (file.descriptor >= 0) ::close(file.descriptor);
    file = {.path = path(pattern, stream), .descriptor = stream == Stream::main ? *main : -1, .looked_at = {}};
  }
  return {};
}

Result<void> LogFiles::append(Stream stream, std::string_view text, Instant now) {
  File& file = files_[static_cast<std::size_t>(stream)];
  if (auto current = make_current(file, now); !current) return current;
  while (!text.empty()) {
    const ssize_t written = ::write(file.descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure_from_errno(errno, "write log file");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace postern::log
