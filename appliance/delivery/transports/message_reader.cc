#include "appliance/delivery/transports/message_reader.h"

#include <functional>
#include <string_view>
#include <utility>

namespace postern::delivery {
namespace {

bool lies_in(std::string_view piece, std::string_view whole) {
  return std::less_equal<>()(whole.data(), piece.data()) &&
         std::less_equal<>()(piece.data() + piece.size(), whole.data() + whole.size());
}

Chain to_chain(const ComposedMessage& message, const Slice& payload, BlockPool& pool) {
  Chain chain;
  for (std::string_view piece : message.pieces()) {
    if (lies_in(piece, payload.view())) {
      chain.append(payload.sub(static_cast<std::size_t>(piece.data() - payload.data()), piece.size()));
      continue;
    }
    while (!piece.empty()) {
      const std::string_view part = piece.substr(0, BlockPool::kLargest);
      chain.append(copy_to_slice(pool, part));
      piece.remove_prefix(part.size());
    }
  }
  return chain;
}

}  // namespace

Task<Result<Chain>> MessageReader::next() {
  if (!std::exchange(composed_given_, true)) {
    Chain composed = to_chain(message_, job_.record.payload, pool_);
    if (!composed.empty()) co_return composed;
  }
  if (!job_.message.side_file) co_return Chain();
  co_return co_await next_of_side_file();
}

Task<Result<Chain>> MessageReader::next_of_side_file() {
  if (!side_file_) {
    auto opened =
        co_await spool::SideFileReader::open(*job_.files, std::string(job_.side_file_path), *job_.message.side_file, pool_);
    if (!opened) co_return failure(opened.error());
    side_file_ = std::move(*opened);
  }
  Result<Slice> bytes = co_await side_file_->next();
  if (!bytes) co_return failure(bytes.error());
  co_return Chain(std::move(*bytes));
}

}  // namespace postern::delivery
