// MAIL, RFC 5321 section 4.1.1.2, with the parameters of RFC 1870, 3461, 6152 and 6531.
#include <string>

#include "engine/smtp/address.h"
#include "engine/smtp/params.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

// "joe" of "<joe> SIZE=10", as far as the syntax allows to say.
std::string_view without_brackets(std::string_view path) noexcept {
  if (path.starts_with('<')) path.remove_prefix(1);
  return path.substr(0, path.find_first_of("> "));
}

}  // namespace

Task<void> Session::mail() {
  ++state_.counters.mail_commands;
  this_one_.rejected_mail = true;
  if (!take_sender()) co_return;

  if (!hooks_.has_space(envelope_.sender().declared_size.value_or(0))) {
    hooks_.event({.kind = SessionEventKind::no_space});
    write(reply::kSpaceShortage);
    co_return co_await abandon_transaction();
  }
  const Verdict verdict = co_await hooks_.mail(envelope_);
  if (!verdict.passes()) {
    refuse(Phase::mail, verdict);
    co_return co_await abandon_transaction();
  }
  if (!state_.offers(EhloKeyword::pipelining) && options_.enforce_sync && has_input() && !co_await check_sync()) co_return;

  this_one_.rejected_mail = false;
  if (verdict.decision == Decision::discard) mail_discarded_ = std::make_unique<const Verdict>(verdict);
  if (verdict.text.empty())
    write_usual(Usual::sender_ok);
  else
    write(configured_reply(verdict.text, reply::kSenderOk));
}

// Everything that needs no policy. False when the client has been told what is wrong.
bool Session::take_sender() {
  if (!state_.helo_seen && options_.require_helo) {
    hooks_.event({.kind = SessionEventKind::helo_missing});
    complain(SessionEventKind::protocol_error, reply::kHeloRequired);
    return false;
  }
  if (in_transaction()) {
    complain(SessionEventKind::protocol_error, reply::kSenderAlreadyGiven);
    return false;
  }
  if (command_.args.empty()) {
    complain(SessionEventKind::protocol_error, reply::kMailNeedsAddress);
    return false;
  }
  const std::uint32_t mail_max = limits().smtp_accept_max_per_connection;
  if (mail_max > 0 && state_.counters.mail_commands > mail_max) {
    hooks_.event({.kind = SessionEventKind::too_many_messages});
    end(NotQuit::bad_commands, reply::kTooManyMessages, true);
    return false;
  }

  const PathStep path = parse_path(command_.args, address_rules(AddressRole::sender));
  if (path.error != AddressError::none) return refuse_path(path, AddressRole::sender);
  MailParamsStep step;
  if (!path.rest.empty()) step = parse_mail_params(path.rest, advertised_parameters());
  if (step.error.code != ParamErrorCode::none) return refuse_params(step.error);
  if (path.mailbox.has_8bit && !step.params.smtputf8) return refuse_8bit_path(AddressRole::sender);
  const std::uint64_t size = step.params.size.value_or(0);
  if (limits().message_size_limit != 0 && size > limits().message_size_limit) {
    hooks_.event({.kind = SessionEventKind::size_declared_too_large,
                  .input = PeerView(command_.args),
                  .number = size,
                  .limit = limits().message_size_limit});
    write(reply::kMessageTooBig);
    return false;
  }
  envelope_.set_sender(path.mailbox, options_.qualify_domain, step.params);
  return true;
}

AddressRules Session::address_rules(AddressRole role) const noexcept {
  return {.role = role,
          .smtputf8 = role == AddressRole::recipient ? envelope_.sender().smtputf8 : state_.offers(EhloKeyword::smtputf8),
          .allow_literals = options_.allow_domain_literals,
          .allow_unqualified = role == AddressRole::sender ? options_.qualify_sender : options_.qualify_recipient,
          .allow_missing_brackets = true,
          .allow_empty_atoms = true,
          .strip_trailing_dot = options_.strip_trailing_dot,
          .limits = kWideAddressLimits};
}

ExtensionSet Session::advertised_parameters() const noexcept {
  ExtensionSet set;
  if (!state_.esmtp) return set;
  set.add(Extension::size);
  if (state_.offers(EhloKeyword::eight_bit_mime)) set.add(Extension::eight_bit_mime);
  if (state_.offers(EhloKeyword::smtputf8)) set.add(Extension::smtputf8);
  if (state_.offers(EhloKeyword::dsn)) set.add(Extension::dsn);
  return set;
}

// Always false, so that it can be returned by those who take a path. "501 <what was sent>: <reason>".
bool Session::refuse_path(const PathStep& path, AddressRole role) {
  std::string reason;
  append_reason(reason, path, role);
  return refuse_path(reason, role, path.error == AddressError::unqualified);
}

bool Session::refuse_8bit_path(AddressRole role) {
  PathStep path;
  path.error = AddressError::non_ascii;
  return refuse_path(path, role);
}

bool Session::refuse_path(std::string_view reason, AddressRole role, bool is_unqualified) {
  constexpr std::size_t kShownBytesMax = 256;
  const bool is_sender = role == AddressRole::sender;
  const std::string text = std::string(command_.args.substr(0, kShownBytesMax)).append(": ").append(reason);
  const Reply answer{501, {5, 1, static_cast<std::uint16_t>(is_sender ? 7 : 3)}, text};
  if (!is_unqualified) {
    complain(SessionEventKind::syntax_error, answer, reason);
    return false;
  }
  hooks_.event({.kind = is_sender ? SessionEventKind::sender_unqualified : SessionEventKind::recipient_unqualified,
                .input = PeerView(without_brackets(command_.args))});
  write(answer);
  return false;
}

bool Session::refuse_params(const ParamError& error) {
  std::string reason;
  append_reason(reason, error);
  complain(SessionEventKind::syntax_error, {error.reply_code(), {5, 5, 4}, reason});
  return false;
}

}  // namespace postern::smtp
