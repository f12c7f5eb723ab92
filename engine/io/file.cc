#include "engine/io/file.h"

#include "engine/base/check.h"

namespace postern::inline io {

void FileAwaiter::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  file_.start(*this);
}

FileAwaiter File::read(std::span<std::byte> bytes, std::uint64_t offset) {
  return FileAwaiter(*this, FileRequest::Kind::read, bytes.data(), bytes.size(), offset);
}

FileAwaiter File::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  return FileAwaiter(*this, FileRequest::Kind::write, const_cast<std::byte*>(bytes.data()), bytes.size(), offset);
}

FileAwaiter File::write(const Chain& chain, std::uint64_t offset) {
  POSTERN_CHECK(chain.slice_count() <= kGatherSlicesMax);
  return FileAwaiter(*this, chain, offset);
}

FileAwaiter File::write_durable(std::span<const std::byte> bytes, std::uint64_t offset, int fixed_buffer) {
  return FileAwaiter(*this, FileRequest::Kind::write_durable, const_cast<std::byte*>(bytes.data()), bytes.size(), offset,
                     fixed_buffer);
}

FileAwaiter File::sync() { return FileAwaiter(*this, FileRequest::Kind::sync, nullptr, 0, 0); }

}  // namespace postern::inline io
