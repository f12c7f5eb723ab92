#include "bench/limit/journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "bench/limit/fail.h"

namespace postern::limit {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::uint64_t kRecordMark = 0x4C494D4954303031;  // "LIMIT001"

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

int or_errno(int result) { return result < 0 ? -errno : result; }

// Blocks that were written before cost no change of the file's metadata when they are written again.
void fill_with_zeros(int file) {
  const std::vector<char> zeros(std::size_t{1} << 20);
  for (std::size_t offset = 0; offset < Journal::kSegmentBytes; offset += zeros.size()) {
    const ssize_t written = ::pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(offset));
    if (written != static_cast<ssize_t>(zeros.size())) expect(written < 0 ? -errno : -ENOSPC, "filling the segment");
  }
  expect(or_errno(::fsync(file)), "syncing the segment");
}

}  // namespace

Journal::Journal(io_uring& ring, const std::string& directory) {
  const std::string path = directory + "/segment";
  const int filled = expect(or_errno(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), path.c_str());
  expect(or_errno(::fallocate(filled, 0, 0, static_cast<off_t>(kSegmentBytes))), "making room for the segment");
  fill_with_zeros(filled);
  ::close(filled);
  segment_ = expect(or_errno(::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC)), path.c_str());

  std::array<iovec, 2> vectors{};
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    void* memory = ::mmap(nullptr, kBatchBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) expect(-errno, "memory for a batch");
    batches_[i] = static_cast<char*>(memory);
    vectors[i] = {.iov_base = memory, .iov_len = kBatchBytes};
  }
  expect(io_uring_register_buffers(&ring, vectors.data(), vectors.size()), "registering the batches");
}

bool Journal::add(std::string_view message) {
  const std::array<std::uint64_t, 2> header{kRecordMark, message.size()};
  std::size_t& used = bytes_[gathering_];
  if (sizeof header + message.size() + 8 > kBatchBytes - used) return false;
  char* record = batches_[gathering_] + used;
  std::memcpy(record, header.data(), sizeof header);
  std::memcpy(record + sizeof header, message.data(), message.size());
  used += round_up(sizeof header + message.size(), 8);
  return true;
}

void Journal::prepare_write(io_uring_sqe& sqe) {
  const std::size_t length = round_up(bytes_[gathering_], kBlockBytes);
  if (offset_ + length > kSegmentBytes) offset_ = 0;
  io_uring_prep_write_fixed(&sqe, segment_, batches_[gathering_], static_cast<unsigned>(length), offset_,
                            static_cast<int>(gathering_));
  sqe.rw_flags = RWF_DSYNC;
  offset_ += length;
  gathering_ ^= 1;
  in_flight_ = true;
}

std::size_t Journal::written(int result) {
  expect(result, "writing a batch");
  in_flight_ = false;
  const std::size_t batch = gathering_ ^ 1;
  bytes_[batch] = 0;
  return batch;
}

}  // namespace postern::limit
