// A composed message as the SMTP client reads it, and its envelope parameters as they are stored.
#pragma once

#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/message_reader.h"
#include "appliance/spool/record.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/smtp/client.h"

namespace postern::delivery {

// One reading of the message. Everything is borrowed.
class MessageBody final : public smtp::BodySource {
 public:
  MessageBody(const ComposedMessage& message, const TransportJob& job, BlockPool& pool) noexcept
      : reader_(message, job, pool), guard_(job.guard) {}

  [[nodiscard]] Task<Result<Chain>> next() override { return reader_.next(); }
  [[nodiscard]] Task<Result<void>> before_end() override { return guard_.before_end(); }

 private:
  MessageReader reader_;
  EndGuard& guard_;
};

// Borrowed from the record.
[[nodiscard]] smtp::MailParams mail_params(const spool::MessageView& message, const ComposedMessage& composed);
[[nodiscard]] smtp::RcptParams rcpt_params(const spool::RecipientView& recipient);
// RFC 6531: the header holds UTF-8 and was sent as such, or an address is not ASCII.
[[nodiscard]] bool needs_smtputf8(const TransportJob& job, const ComposedMessage& composed);

}  // namespace postern::delivery
