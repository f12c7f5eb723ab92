// A composed message as the SMTP client reads it, and its envelope parameters as they are stored.
#pragma once

#include <string_view>
#include <utility>

#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/spool/record.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/slice.h"
#include "engine/smtp/client.h"

namespace postern::delivery {

// The bytes of `message` as slices: those of the record's payload where they lie, the little that was added copied to `pool`.
[[nodiscard]] Chain to_chain(const ComposedMessage& message, const Slice& payload, BlockPool& pool);

// One reading of the message. Everything is borrowed.
class MessageBody final : public smtp::BodySource {
 public:
  MessageBody(const ComposedMessage& message, const TransportJob& job, BlockPool& pool) noexcept
      : message_(message), job_(job), pool_(pool) {}

  [[nodiscard]] Task<Result<Chain>> next() override;
  [[nodiscard]] Task<Result<void>> before_end() override { return job_.guard.before_end(); }

 private:
  const ComposedMessage& message_;
  const TransportJob& job_;
  BlockPool& pool_;
  bool given_ = false;
};

// Borrowed from the record.
[[nodiscard]] smtp::MailParams mail_params(const spool::MessageView& message, const ComposedMessage& composed);
[[nodiscard]] smtp::RcptParams rcpt_params(const spool::RecipientView& recipient);
// RFC 6531: the header holds UTF-8 and was sent as such, or an address is not ASCII.
[[nodiscard]] bool needs_smtputf8(const TransportJob& job, const ComposedMessage& composed);

}  // namespace postern::delivery
