#include "engine/smtp/envelope.h"

#include <utility>

#include "engine/base/check.h"

namespace postern::smtp {

PeerView Envelope::copy(PeerView text) {
  text_bytes_ += text.size();
  return PeerView(arena_.copy(text.view()));
}

EnvelopeAddress Envelope::copy(const EnvelopeAddress& address) {
  return EnvelopeAddress(copy(address.text()).view(), address.domain().size());
}

void Envelope::set_sender(const ReversePath& sender) {
  POSTERN_CHECK(!has_sender_);
  has_sender_ = true;
  sender_ = sender;
  sender_.address = copy(sender.address);
  sender_.envid = copy(sender.envid);
  sender_.auth = copy(sender.auth);
}

std::optional<Recipient> Envelope::hold(const Recipient& recipient, std::size_t bytes_max) {
  const std::size_t needed = recipient.address.text().size() + recipient.orcpt.size() + sizeof(Recipient);
  if (needed > bytes_max || bytes() > bytes_max - needed) return std::nullopt;
  return Recipient{copy(recipient.address), recipient.notify, copy(recipient.orcpt)};
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
