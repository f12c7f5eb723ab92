#include "appliance/delivery/transports/signing_pass.h"

#include <utility>

namespace postern::delivery {

void SigningPass::take(const Slice& slice) {
  const std::size_t of_header = scanner_.is_complete() ? 0 : scanner_.step(slice.view());
  header_.append(slice.sub(0, of_header));
  behind_.append(slice.sub(of_header, slice.size() - of_header));
}

Task<Result<void>> SigningPass::read_header() {
  while (!scanner_.is_complete()) {
    const Result<Chain> bytes = co_await reader_.next();
    if (!bytes) co_return failure(bytes.error());
    if (bytes->empty()) break;
    for (std::size_t i = 0; i < bytes->slice_count(); ++i) take((*bytes)[i]);
    if (header_.size() > kHeaderBytesMax) co_return failure(Error{Errc::too_large, 0, "header to be signed"});
  }
  view_.emplace(header_, header_.size(), pool_);
  headers_.emplace(*view_);
  co_return Result<void>{};
}

Task<Result<void>> SigningPass::read_body() {
  if (!bodies_.wanted()) co_return Result<void>{};
  feed(std::exchange(behind_, {}));
  while (true) {
    const Result<Chain> bytes = co_await reader_.next();
    if (!bytes) co_return failure(bytes.error());
    if (bytes->empty()) break;
    feed(*bytes);
  }
  bodies_.finish();
  co_return Result<void>{};
}

void SigningPass::feed(const Chain& bytes) {
  for (std::size_t i = 0; i < bytes.slice_count(); ++i) bodies_.feed(bytes[i].view());
}

}  // namespace postern::delivery
