#include "appliance/delivery/transports/message_body.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "appliance/spool/attribute_names.h"
#include "engine/base/utf8.h"

namespace postern::delivery {

namespace {

namespace attribute = spool::attribute;

bool is_set(const spool::AttributeRange& attributes, std::string_view name) {
  const std::optional<spool::Attribute> found = spool::find_attribute(attributes, name);
  return found && found->as_number().value_or(0) != 0;
}

std::string_view text_of(const spool::AttributeRange& attributes, std::string_view name) {
  const std::optional<spool::Attribute> found = spool::find_attribute(attributes, name);
  return found ? found->as_text().value_or("") : "";
}

std::optional<std::string_view> peer_text_of(const spool::AttributeRange& attributes, std::string_view name) {
  const std::optional<spool::Attribute> found = spool::find_attribute(attributes, name);
  if (!found || !found->as_peer_text()) return std::nullopt;
  return found->as_peer_text()->view();
}

bool lies_in(std::string_view piece, std::string_view whole) {
  return std::less_equal<>()(whole.data(), piece.data()) &&
         std::less_equal<>()(piece.data() + piece.size(), whole.data() + whole.size());
}

}  // namespace

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

Task<Result<Chain>> MessageBody::next() {
  if (std::exchange(given_, true)) co_return Chain();
  co_return to_chain(message_, job_.record.payload, pool_);
}

smtp::MailParams mail_params(const spool::MessageView& message, const ComposedMessage& composed) {
  smtp::MailParams params;
  const std::string_view body = text_of(message.attributes, attribute::kBody);
  if (composed.has_8bit() || body == "8BITMIME") params.body = smtp::BodyType::eight_bit_mime;
  params.smtputf8 = is_set(message.attributes, attribute::kSmtpUtf8);
  const std::string_view ret = text_of(message.attributes, attribute::kDsnRet);
  if (ret == "FULL") params.ret = smtp::DsnReturn::full;
  if (ret == "HDRS") params.ret = smtp::DsnReturn::headers;
  params.envid = peer_text_of(message.attributes, attribute::kDsnEnvid);
  return params;
}

smtp::RcptParams rcpt_params(const spool::RecipientView& recipient) {
  smtp::RcptParams params;
  const std::optional<spool::Attribute> notify = spool::find_attribute(recipient.attributes, attribute::kNotify);
  if (notify) params.notify = static_cast<smtp::NotifySet>(notify->as_number().value_or(0));
  params.orcpt = peer_text_of(recipient.attributes, attribute::kOrcpt);
  return params;
}

bool needs_smtputf8(const TransportJob& job, const ComposedMessage& composed) {
  const bool declared = is_set(job.message.attributes, attribute::kSmtpUtf8);
  if (declared && composed.has_8bit_header()) return true;
  if (!is_ascii(job.return_path)) return true;
  return std::ranges::any_of(job.wanted,
                             [&job](std::uint32_t index) { return !is_ascii(job.recipients[index].address.view()); });
}

}  // namespace postern::delivery
