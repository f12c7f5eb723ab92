#include "appliance/delivery/transports/message_body.h"

#include <algorithm>
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

}  // namespace

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
