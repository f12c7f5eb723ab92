// A disk that writes down what is done to it: a FUSE file system with two files.
//
//   device     the disk, as large as IMAGE, which holds its bytes; a loop device goes over it
//   position   how many entries the record has so far, as a decimal number
//
// usage: block_recorder FOLDER IMAGE RECORD
//
// Serves FOLDER until it is unmounted. One request is served at a time, so that the record has one order: what stands before a
// flush is what the flush makes durable, and a position read after a completion lies behind all that completed before. RECORD
// gets an entry for each change, three little-endian 64-bit numbers (kind, offset, length) and behind a write its bytes. Kinds:
// 1 a write, 2 a flush, 3 a range of zeros (length bytes, none follow).
#define FUSE_USE_VERSION 35

#include <fcntl.h>
#include <fuse.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

enum class Kind : std::uint64_t { write = 1, flush = 2, zeros = 3 };

constexpr std::string_view kDevice = "/device";
constexpr std::string_view kPosition = "/position";

struct Disk {
  char* bytes = nullptr;
  std::uint64_t size = 0;
  int record = -1;
  std::uint64_t position = 0;
};

Disk& disk() { return *static_cast<Disk*>(fuse_get_context()->private_data); }

// A record with a hole proves nothing, so the disk ends with it.
void note(Kind kind, std::uint64_t offset, std::uint64_t length, const char* bytes) {
  std::array<std::uint64_t, 3> head{static_cast<std::uint64_t>(kind), offset, length};
  const std::array<iovec, 2> parts{iovec{head.data(), sizeof(head)},
                                   iovec{const_cast<char*>(bytes), bytes == nullptr ? 0 : static_cast<std::size_t>(length)}};
  const std::size_t wanted = parts[0].iov_len + parts[1].iov_len;
  if (::writev(disk().record, parts.data(), parts.size()) != static_cast<ssize_t>(wanted)) {
    std::perror("block_recorder: record");
    std::abort();
  }
  ++disk().position;
}

bool is_within(off_t offset, std::uint64_t length) {
  return offset >= 0 && static_cast<std::uint64_t>(offset) <= disk().size &&
         length <= disk().size - static_cast<std::uint64_t>(offset);
}

int get_attributes(const char* path, struct stat* attributes, fuse_file_info*) {
  *attributes = {};
  attributes->st_nlink = 1;
  if (path == std::string_view("/")) {
    attributes->st_mode = S_IFDIR | 0755;
  } else if (path == kDevice) {
    attributes->st_mode = S_IFREG | 0600;
    attributes->st_size = static_cast<off_t>(disk().size);
  } else if (path == kPosition) {
    attributes->st_mode = S_IFREG | 0444;
  } else {
    return -ENOENT;
  }
  return 0;
}

int open_file(const char*, fuse_file_info* info) {
  info->direct_io = 1;  // every request comes here, none ends in the page cache
  return 0;
}

int read_file(const char* path, char* into, std::size_t size, off_t offset, fuse_file_info*) {
  if (path == kPosition) {
    const std::string text = std::to_string(disk().position) + "\n";
    if (offset < 0 || static_cast<std::size_t>(offset) >= text.size()) return 0;
    return static_cast<int>(text.copy(into, size, static_cast<std::size_t>(offset)));
  }
  if (!is_within(offset, 0)) return 0;
  const std::size_t count = std::min<std::uint64_t>(size, disk().size - static_cast<std::uint64_t>(offset));
  std::memcpy(into, disk().bytes + offset, count);
  return static_cast<int>(count);
}

int write_file(const char* path, const char* bytes, std::size_t size, off_t offset, fuse_file_info*) {
  if (path != kDevice || !is_within(offset, size)) return -EIO;
  std::memcpy(disk().bytes + offset, bytes, size);
  note(Kind::write, static_cast<std::uint64_t>(offset), size, bytes);
  return static_cast<int>(size);
}

int flush_file(const char* path, int, fuse_file_info*) {
  if (path == kDevice) note(Kind::flush, 0, 0, nullptr);
  return 0;
}

// What a loop device makes of discards and of ranges of zeros.
int punch_file(const char* path, int mode, off_t offset, off_t length, fuse_file_info*) {
  if (path != kDevice || (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) return -EOPNOTSUPP;
  const auto count = static_cast<std::uint64_t>(length);
  if (length < 0 || !is_within(offset, count)) return -EIO;
  std::memset(disk().bytes + offset, 0, count);
  note(Kind::zeros, static_cast<std::uint64_t>(offset), count, nullptr);
  return 0;
}

void* begin(fuse_conn_info*, fuse_config*) {
  std::puts("ready");
  std::fflush(stdout);
  return fuse_get_context()->private_data;
}

bool open_disk(Disk& opened, const char* image, const char* record) {
  const int file = ::open(image, O_RDWR | O_CLOEXEC);
  struct stat attributes{};
  if (file < 0 || ::fstat(file, &attributes) != 0) return std::perror(image), false;
  opened.size = static_cast<std::uint64_t>(attributes.st_size);
  void* const mapped = ::mmap(nullptr, opened.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) return std::perror(image), false;
  opened.bytes = static_cast<char*>(mapped);
  opened.record = ::open(record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (opened.record < 0) return std::perror(record), false;
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return std::fputs("usage: block_recorder FOLDER IMAGE RECORD\n", stderr), 64;
  Disk opened;
  if (!open_disk(opened, arguments[2], arguments[3])) return 1;
  fuse_operations operations{};
  operations.getattr = get_attributes;
  operations.open = open_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.fsync = flush_file;
  operations.fallocate = punch_file;
  operations.init = begin;
  std::array<char*, 5> options{arguments[0], const_cast<char*>("-f"), const_cast<char*>("-s"),
                               const_cast<char*>("-ofsname=block_recorder,default_permissions,allow_other"), arguments[1]};
  return fuse_main(static_cast<int>(options.size()), options.data(), &operations, &opened);
}
