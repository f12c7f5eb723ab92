#include "appliance/language/files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "appliance/config/disk_files.h"
#include "engine/base/error.h"

namespace postern::language {

namespace {

using expand::Answer;

std::string reason(int number) { return std::strerror(number); }

Answer failed(int number, std::string why) {
  Answer answer = Answer::failed(std::move(why));
  answer.code = number;
  return answer;
}

// "-rw-r--r--".
std::string symbolic_mode(mode_t mode) {
  std::string text = S_ISDIR(mode) ? "d" : S_ISCHR(mode) ? "c" : S_ISBLK(mode) ? "b" : S_ISFIFO(mode) ? "p" : "-";
  for (const unsigned shift : {6U, 3U, 0U}) {
    const unsigned bits = (mode >> shift) & 7U;
    text += (bits & 4U) != 0 ? 'r' : '-';
    text += (bits & 2U) != 0 ? 'w' : '-';
    text += (bits & 1U) != 0 ? 'x' : '-';
  }
  return text;
}

// In the words and the order of Exim.
Answer facts(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return failed(errno, fmt::format("stat({}) failed: {}", path, reason(errno)));
  return Answer::found(
      fmt::format("mode={:04o} smode={} inode={} device={} links={} uid={} gid={} size={} atime={} mtime={} ctime={}",
                  status.st_mode & 07777U, symbolic_mode(status.st_mode), status.st_ino, status.st_dev, status.st_nlink,
                  status.st_uid, status.st_gid, status.st_size, status.st_atime, status.st_mtime, status.st_ctime));
}

Answer exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? Answer::found({}) : Answer::not_found();
}

Answer content(const std::string& path, std::size_t bytes_max) {
  config::DiskFiles files;
  Result<std::string> text = files.read(path, bytes_max);
  if (text) return Answer::found(std::move(*text));
  const int number = text.error().os_errno;
  return failed(number, fmt::format("failed to open {}: {}", path, number != 0 ? reason(number) : describe(text.error())));
}

}  // namespace

Answer read_file(const ToRead& file) {
  if (file.path.contains('\0')) return Answer::failed("a file name cannot hold a zero byte");
  switch (file.kind) {
    case expand::FileQuestion::Kind::exists: return exists(file.path);
    case expand::FileQuestion::Kind::facts: return facts(file.path);
    case expand::FileQuestion::Kind::content: break;
  }
  return content(file.path, file.bytes_max);
}

}  // namespace postern::language
