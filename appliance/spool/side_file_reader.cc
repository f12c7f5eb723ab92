#include "appliance/spool/side_file_reader.h"

#include <algorithm>

#include "engine/base/crc32c.h"

namespace postern::spool {

Task<Result<std::unique_ptr<SideFileReader>>> SideFileReader::open(FileSystem& files, std::string path, SideFileView expected,
                                                                   BlockPool& pool) {
  auto file = co_await files.open(std::move(path), {.mode = OpenMode::read});
  if (!file) co_return failure(file.error());
  co_return std::unique_ptr<SideFileReader>(new SideFileReader(std::move(*file), expected, pool));
}

Task<Result<Slice>> SideFileReader::next() {
  const std::size_t wanted = std::min<std::uint64_t>(bytes_ - at_, BlockPool::kLargest);
  if (wanted == 0) co_return Slice();
  Block& block = pool_.acquire(wanted);
  Slice slice(block, block.bytes(), wanted);
  for (std::size_t have = 0; have < wanted;) {
    const std::span<std::byte> into = std::as_writable_bytes(std::span(block.bytes() + have, wanted - have));
    const Result<std::size_t> got = co_await file_->read(into, at_ + have);
    if (!got) co_return failure(got.error());
    if (*got == 0) co_return failure(Errc::bad_format, "side file is too short");
    have += *got;
  }
  at_ += wanted;
  crc_ = crc32c(crc_, std::as_bytes(std::span(slice.view())));
  if (at_ == bytes_ && crc_ != expected_crc_) co_return failure(Errc::bad_format, "checksum of side file");
  co_return slice;
}

}  // namespace postern::spool
