#include "appliance/spool/open_segment.h"

#include "appliance/spool/aligned_buffer.h"

namespace postern::spool {

Task<Result<void>> write_seal(File& file, SegmentSeal seal) {
  const AlignedBuffer block(kBlockBytes);
  encode_seal(seal, block.span().first<kBlockBytes>());
  const Result<std::size_t> written = co_await file.write_durable(block.span(), kSealOffset);
  if (!written) co_return failure(written.error());
  if (*written != kBlockBytes) co_return failure(Errc::in_doubt, "write seal");
  co_return Result<void>{};
}

}  // namespace postern::spool
