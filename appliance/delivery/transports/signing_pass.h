// One reading of a message for all who sign it: the header whole, then the body, whose hashes each of them may ask for in
// between. A message in a side file is not held in memory.
//
//   read_header() ─▶ signers begin: they look at headers(), and ask bodies() ─▶ read_body() ─▶ signers finish
#pragma once

#include <cstddef>
#include <optional>

#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/message_reader.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/task.h"
#include "engine/smtp/header_view.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::delivery {

class SigningPass {
 public:
  static constexpr std::size_t kHeaderBytesMax = std::size_t{16} << 20;

  // Everything is borrowed.
  SigningPass(const ComposedMessage& message, const TransportJob& job, BlockPool& pool) noexcept
      : reader_(message, job, pool), pool_(pool) {}

  // Errors: too_large; what MessageReader has. Suspends.
  [[nodiscard]] Task<Result<void>> read_header();
  // Behind read_header(), and as long as this object is there.
  [[nodiscard]] const message::HeaderIndex& headers() const noexcept { return *headers_; }
  [[nodiscard]] message::BodyHashes& bodies() noexcept { return bodies_; }
  // Errors: what MessageReader has. Suspends.
  [[nodiscard]] Task<Result<void>> read_body();

 private:
  void take(const Slice& slice);
  void feed(const Chain& bytes);

  MessageReader reader_;
  BlockPool& pool_;
  smtp::HeaderScanner scanner_;
  Chain header_;
  Chain behind_;  // of the body, what came with the header
  std::optional<smtp::HeaderView> view_;
  std::optional<message::HeaderIndex> headers_;
  message::BodyHashes bodies_;
};

}  // namespace postern::delivery
