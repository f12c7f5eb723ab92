// RCPT, RFC 5321 section 4.1.1.3, with the parameters of RFC 3461.
#include "engine/smtp/address.h"
#include "engine/smtp/params.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::rcpt() {
  ++state_.recipients.commands;
  this_one_.rcpt = true;
  const std::optional<Recipient> recipient = take_recipient();
  if (!recipient) co_return;

  Verdict verdict;
  if (mail_discarded_ != nullptr)
    verdict = {Decision::discard, {}, mail_discarded_->log_text.empty() ? mail_discarded_->text : mail_discarded_->log_text};
  else
    verdict = co_await hooks_.rcpt(envelope_, *recipient);
  if (!verdict.passes()) {
    ++(verdict.decision == Decision::defer ? state_.recipients.deferred : state_.recipients.refused);
    co_return refuse(Phase::rcpt, verdict);
  }
  if (!state_.offers(EhloKeyword::pipelining) && options_.enforce_sync && has_input() && !co_await check_sync()) co_return;

  if (verdict.decision == Decision::accept) {
    envelope_.add(*recipient);
  } else {
    ++state_.recipients.refused;
    rcpt_discarded_ = true;
    hooks_.event({.kind = SessionEventKind::rejected,
                  .phase = mail_discarded_ != nullptr ? Phase::mail : Phase::rcpt,
                  .verdict = &verdict});
  }
  if (verdict.text.empty())
    write_usual(Usual::recipient_ok);
  else
    write(configured_reply(verdict.text, reply::kRecipientOk));
}

// Everything that needs no policy. Nothing when the client has been told what is wrong.
std::optional<Recipient> Session::take_recipient() {
  const auto refused = [this] {
    ++state_.recipients.refused;
    rcpt_refusals_differ_ = true;
    return std::nullopt;
  };
  if (!in_transaction()) {
    if (recent_.rejected_mail && state_.offers(EhloKeyword::pipelining)) {
      write(reply::kSenderNotYetGiven);  // the client sent this before it knew that MAIL had failed
      this_one_.rejected_mail = true;
    } else {
      complain(SessionEventKind::protocol_error, reply::kSenderNotYetGiven);
      this_one_.rcpt = false;
    }
    return refused();
  }
  if (command_.args.empty()) {
    complain(SessionEventKind::syntax_error, reply::kRcptNeedsAddress);
    return refused();
  }
  const PathStep path = parse_path(command_.args, address_rules(AddressRole::recipient));
  if (path.error != AddressError::none) {
    static_cast<void>(refuse_path(path, AddressRole::recipient));
    return refused();
  }
  RcptParamsStep step;
  if (!path.rest.empty()) step = parse_rcpt_params(path.rest, advertised_parameters(), envelope_.sender().smtputf8);
  if (step.error.code != ParamErrorCode::none) {
    static_cast<void>(refuse_params(step.error));
    return refused();
  }
  const std::uint32_t rcpt_max = limits().recipients_max;
  if (rcpt_max > 0 && state_.recipients.commands > rcpt_max) return too_many_recipients();
  std::optional<Recipient> recipient =
      envelope_.hold(path.mailbox, options_.qualify_domain, step.params, limits().envelope_bytes_max);
  if (!recipient) return too_many_recipients();
  return recipient;
}

std::optional<Recipient> Session::too_many_recipients() {
  const bool is_permanent = limits().recipients_max_reject;
  ++(is_permanent ? state_.recipients.refused : state_.recipients.deferred);
  rcpt_refusals_differ_ = true;
  if (!std::exchange(too_many_rcpts_, true))
    hooks_.event({.kind = SessionEventKind::too_many_recipients, .limit = limits().recipients_max});
  write(is_permanent ? reply::kTooManyRecipientsReject : reply::kTooManyRecipients);
  return std::nullopt;
}

}  // namespace postern::smtp
