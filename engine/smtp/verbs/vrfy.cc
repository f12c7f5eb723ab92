// VRFY, RFC 5321 section 4.1.1.6. Without a rule that allows it the answer says nothing about the address.
#include <string>

#include "engine/smtp/address.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::vrfy() {
  AddressRules rules = address_rules(AddressRole::recipient);
  rules.smtputf8 = state_.offers(EhloKeyword::smtputf8);
  const PathStep path = parse_address(command_.args, rules);
  if (path.error != AddressError::none) {
    std::string reason;
    if (path.error == AddressError::unqualified) {
      reason.append(command_.args).append(": ");
      hooks_.event({.kind = SessionEventKind::recipient_unqualified, .input = PeerView(command_.args), .text = "verify"});
    }
    append_reason(reason, path, AddressRole::recipient);
    write(Reply{501, {5, 1, 3}, reason});
    co_return;
  }
  // Lives as long as the hook is asked; an envelope may be open at the same time.
  Envelope scratch;
  const std::optional<Recipient> held = scratch.hold(path.mailbox, options_.qualify_domain, {}, limits().envelope_bytes_max);
  if (!held) co_return write(reply::kTooManyRecipients);
  const Verdict verdict = co_await hooks_.vrfy(held->address);
  if (!verdict.passes()) co_return refuse(Phase::vrfy, verdict);
  const std::string text = std::string("<").append(held->address.text().view()).append("> is deliverable");
  write(configured_reply(verdict.text, {250, {2, 1, 5}, text}));
}

}  // namespace postern::smtp
