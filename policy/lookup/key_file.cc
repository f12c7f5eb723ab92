#include "policy/lookup/key_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "engine/base/error.h"
#include "policy/lookup/cdb.h"
#include "policy/lookup/descriptor.h"
#include "policy/lookup/lmdb_file.h"
#include "policy/lookup/lookup.h"
#include "policy/lookup/text_index.h"

namespace postern::lookup {

namespace {

using Outcome = KeyFile::Outcome;

// As open(), but with Waiting::never only what the kernel has in memory: EAGAIN otherwise (Linux 5.12; ENOSYS and EINVAL
// before count as that).
int open_file(const std::string& path, int flags, Waiting waiting) {
  if (waiting == Waiting::allowed) return ::open(path.c_str(), flags | O_CLOEXEC);
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_CACHED;
  const long fd = ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (fd < 0 && (errno == ENOSYS || errno == EINVAL || errno == EPERM)) errno = EAGAIN;
  return static_cast<int>(fd);
}

// ": No such file or directory"
std::string reason_of(int error) { return ": " + describe(Error{Errc::io, error, ""}); }

std::string cannot_open(const std::string& path, std::string_view what, int error) {
  std::string why = "failed to open ";
  return why.append(path).append(" for ").append(what).append(reason_of(error));
}

OpenedFile no_file(const FileFacts& facts, std::string why) { return {.facts = facts, .file = nullptr, .why = std::move(why)}; }

FileFacts facts_of(const struct stat& status) {
  FileFacts facts;
  facts.is_directory = S_ISDIR(status.st_mode);
  facts.device = status.st_dev;
  facts.inode = status.st_ino;
  // What happens within a directory does not make it another.
  if (facts.is_directory) return facts;
  facts.size = static_cast<std::uint64_t>(status.st_size);
  facts.modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  return facts;
}

class TextFile final : public KeyFile {
 public:
  explicit TextFile(std::unique_ptr<const TextIndex> index) : index_(std::move(index)) {}
  Outcome find(const Written& written, std::string_view key, Waiting, std::string& value, std::string& why) const override {
    switch (index_->find(key, written.returns == Return::full, value, why)) {
      case TextIndex::Outcome::found: return Outcome::found;
      case TextIndex::Outcome::not_found: return Outcome::not_found;
      case TextIndex::Outcome::deferred: break;
    }
    return Outcome::deferred;
  }

 private:
  std::unique_ptr<const TextIndex> index_;
};

class CdbFile final : public KeyFile {
 public:
  CdbFile(Descriptor fd, std::uint64_t size, std::string path) : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  Outcome find(const Written&, std::string_view key, Waiting waiting, std::string& value, std::string& why) const override {
    const Source source(fd_.get(), size_, waiting);
    std::string reason;
    switch (cdb_find(source, key, kValueBytesMax, value, reason)) {
      case CdbOutcome::found: return Outcome::found;
      case CdbOutcome::not_found: return Outcome::not_found;
      case CdbOutcome::would_wait: return Outcome::would_wait;
      case CdbOutcome::malformed:
      case CdbOutcome::failed: break;
    }
    why.append("cdb file ").append(path_).append(": ").append(reason);
    return Outcome::deferred;
  }

 private:
  class Source final : public CdbSource {
   public:
    Source(int fd, std::uint64_t size, Waiting waiting) : fd_(fd), size_(size), waiting_(waiting) {}
    Read read(std::uint64_t offset, std::span<char> into) const override {
      while (!into.empty()) {
        iovec part{into.data(), into.size()};
        const int flags = waiting_ == Waiting::never ? RWF_NOWAIT : 0;
        const ssize_t got = ::preadv2(fd_, &part, 1, static_cast<off_t>(offset), flags);
        if (got < 0 && errno == EINTR) continue;
        // EOPNOTSUPP: a file system that cannot tell.
        if (got < 0 && waiting_ == Waiting::never && (errno == EAGAIN || errno == EOPNOTSUPP)) return Read::would_wait;
        if (got <= 0) return Read::failed;
        offset += static_cast<std::uint64_t>(got);
        into = into.subspan(static_cast<std::size_t>(got));
      }
      return Read::ok;
    }
    std::uint64_t size() const override { return size_; }

   private:
    int fd_;
    std::uint64_t size_;
    Waiting waiting_;
  };

  Descriptor fd_;
  std::uint64_t size_;
  std::string path_;
};

// dsearch. The key is one component of a path, so that nothing beside the directory can be asked for.
class Directory final : public KeyFile {
 public:
  explicit Directory(std::string path) : path_(std::move(path)) {}

  Outcome find(const Written& written, std::string_view key, Waiting waiting, std::string& value,
               std::string& why) const override {
    if (key.contains('/') && !written.key_may_be_path) {
      why.append("key for dsearch lookup contains a slash: ").append(key);
      return Outcome::deferred;
    }
    if (!is_plain(key)) return Outcome::not_found;
    std::string path = path_;
    path.append(1, '/').append(key);
    struct stat status{};
    const Descriptor entry(open_file(path, O_PATH | O_NOFOLLOW, waiting));
    if (!entry.valid() && errno == EAGAIN && waiting == Waiting::never) return Outcome::would_wait;
    if (!entry.valid() && (errno == ENOENT || errno == ENAMETOOLONG || errno == ENOTDIR)) return Outcome::not_found;
    if (!entry.valid() || ::fstat(entry.get(), &status) != 0) {
      why.append(path).append(": lstat").append(reason_of(errno));
      return Outcome::deferred;
    }
    if (!passes(written.filter, status.st_mode)) return Outcome::not_found;
    value.append(written.returns == Return::full ? std::string_view(path) : key);
    return Outcome::found;
  }

 private:
  static constexpr std::size_t kKeyBytes = 1024;
  // Names that are neither empty, nor hidden, nor lead elsewhere.
  [[nodiscard]] static bool is_plain(std::string_view key) noexcept {
    if (key.size() > kKeyBytes || key.contains('\0')) return false;
    while (true) {
      const std::size_t slash = key.find('/');
      const std::string_view name = key.substr(0, slash);
      if (name.empty() || name.starts_with('.')) return false;
      if (slash == std::string_view::npos) return true;
      key.remove_prefix(slash + 1);
    }
  }
  [[nodiscard]] static bool passes(Filter filter, mode_t mode) noexcept {
    switch (filter) {
      case Filter::any: return true;
      case Filter::file: return S_ISREG(mode);
      case Filter::dir:
      case Filter::subdir: return S_ISDIR(mode);
    }
    return false;
  }
  std::string path_;
};

bool read_whole(int fd, std::size_t size, std::string& into) {
  // One more than it had: a file that grows meanwhile is read to where it was.
  into.resize(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, into.data() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  into.resize(done);
  return true;
}

OpenedFile open_text(TypeId type, const std::string& path, Descriptor fd, const FileFacts& facts) {
  if (facts.size > kTextFileBytesMax) return no_file(facts, path + " is larger than 1 GiB, the most that is read: use cdb");
  std::string text;
  if (!read_whole(fd.get(), static_cast<std::size_t>(facts.size), text))
    return no_file(facts, "failed to read " + path + reason_of(errno));
  return {.facts = facts, .file = std::make_shared<TextFile>(TextIndex::make(type, std::move(text))), .why = {}};
}

std::string_view purpose_of(TypeId type) {
  switch (type) {
    case TypeId::cdb: return "cdb lookup";
    case TypeId::dsearch: return "directory search";
    case TypeId::lmdb: return "lmdb lookup";
    default: return "linear search";
  }
}

}  // namespace

bool look_at_file(const std::string& path, Waiting waiting, FileFacts& facts) {
  facts = {};
  struct stat status{};
  const Descriptor file(open_file(path, O_PATH, waiting));
  if (!file.valid() && waiting == Waiting::never && errno == EAGAIN) return false;
  if (!file.valid() || ::fstat(file.get(), &status) != 0)
    facts.error = errno;
  else
    facts = facts_of(status);
  return true;
}

OpenedFile open_key_file(TypeId type, const std::string& path) {
  FileFacts facts;
  // O_NONBLOCK: somebody may have put a FIFO there.
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    const int error = errno;
    // What look_at_file() will see: a file that is there and may not be read is there.
    (void)look_at_file(path, Waiting::allowed, facts);
    return no_file(facts, cannot_open(path, purpose_of(type), error));
  }
  facts = facts_of(status);
  if (type == TypeId::dsearch) {
    if (!facts.is_directory) return no_file(facts, cannot_open(path, purpose_of(type), ENOTDIR));
    return {.facts = facts, .file = std::make_shared<Directory>(path), .why = {}};
  }
  if (!S_ISREG(status.st_mode)) return no_file(facts, path + " is not a regular file (" + std::string(purpose_of(type)) + ")");
  if (type == TypeId::lmdb) {
    std::string why;
    std::shared_ptr<const KeyFile> file = open_lmdb(path, why);
    return {.facts = facts, .file = std::move(file), .why = std::move(why)};
  }
  if (type == TypeId::cdb) {
    if (facts.size < kCdbHeaderBytes) return no_file(facts, path + " is too short for cdb lookup");
    return {.facts = facts, .file = std::make_shared<CdbFile>(std::move(fd), facts.size, path), .why = {}};
  }
  return open_text(type, path, std::move(fd), facts);
}

bool always_waits(TypeId type) noexcept { return type == TypeId::lmdb; }

}  // namespace postern::lookup
