#include "engine/smtp/envelope.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {

PeerView Envelope::copy(PeerView text) {
  text_bytes_ += text.size();
  return PeerView(arena_.copy(text.view()));
}

EnvelopeAddress Envelope::copy(const EnvelopeAddress& address) {
  return EnvelopeAddress(copy(address.text()).view(), address.domain().size());
}

EnvelopeAddress Envelope::keep(const Mailbox& mailbox, std::string_view qualify_domain) {
  if (mailbox.is_null()) return {};
  std::string rewritten;
  std::string_view local_part = mailbox.local_part;
  if (mailbox.is_quoted) {
    std::string meaning;
    append_unquoted(meaning, local_part);
    if (append_local_part(rewritten, meaning)) local_part = rewritten;
  }
  const std::string_view domain = mailbox.domain.empty() ? qualify_domain : mailbox.domain;
  const std::size_t size = local_part.size() + (domain.empty() ? 0 : 1 + domain.size());
  char* const begin = arena_.allocate(size);
  std::memcpy(begin, local_part.data(), local_part.size());
  char* to = begin + local_part.size();
  if (!domain.empty()) {
    *to++ = '@';
    std::memcpy(to, domain.data(), domain.size());
    for (char* c = to; !mailbox.is_literal && c < to + domain.size(); ++c) *c = lower(*c);
  }
  text_bytes_ += size;
  return EnvelopeAddress({begin, size}, domain.size());
}

void Envelope::set_sender(const ReversePath& sender) {
  POSTERN_CHECK(!has_sender_);
  has_sender_ = true;
  sender_ = sender;
  sender_.address = copy(sender.address);
  sender_.envid = copy(sender.envid);
  sender_.auth = copy(sender.auth);
}

void Envelope::set_sender(const Mailbox& mailbox, std::string_view qualify_domain, const MailParams& params) {
  POSTERN_CHECK(!has_sender_);
  has_sender_ = true;
  sender_ = {.address = keep(mailbox, qualify_domain),
             .declared_size = params.size,
             .body = params.body,
             .ret = params.ret,
             .smtputf8 = params.smtputf8,
             .envid = copy(PeerView(params.envid.value_or(""))),
             .auth = copy(PeerView(params.auth.value_or("")))};
}

bool Envelope::has_room(std::size_t text_bytes, std::size_t bytes_max) const noexcept {
  const std::size_t needed = text_bytes + sizeof(Recipient);
  return needed <= bytes_max && bytes() <= bytes_max - needed;
}

std::optional<Recipient> Envelope::hold(const Recipient& recipient, std::size_t bytes_max) {
  if (!has_room(recipient.address.text().size() + recipient.orcpt.size(), bytes_max)) return std::nullopt;
  return Recipient{copy(recipient.address), recipient.notify, copy(recipient.orcpt)};
}

std::optional<Recipient> Envelope::hold(const Mailbox& mailbox, std::string_view qualify_domain, const RcptParams& params,
                                        std::size_t bytes_max) {
  const std::string_view orcpt = params.orcpt.value_or("");
  const std::size_t address_bytes = mailbox.local_part.size() + 1 + std::max(mailbox.domain.size(), qualify_domain.size());
  if (!has_room(address_bytes + orcpt.size(), bytes_max)) return std::nullopt;
  return Recipient{keep(mailbox, qualify_domain), params.notify, copy(PeerView(orcpt))};
}

void Envelope::clear() noexcept {
  has_sender_ = false;
  sender_ = {};
  recipients_.clear();
  if (recipients_.capacity() > kRecipientsKept) recipients_ = {};
  text_bytes_ = 0;
  arena_.clear();
}

}  // namespace postern::smtp
