#include "engine/smtp/client_transaction.h"

#include <algorithm>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/dot_stuffer.h"

namespace postern::smtp {

namespace {

constexpr EnhancedCode kTooBig{5, 3, 4};      // RFC 3463 section 3.4
constexpr EnhancedCode kNeedsUtf8{5, 6, 7};   // RFC 6531 section 3.5
constexpr EnhancedCode kBadAddress{5, 1, 3};  // RFC 3463 section 3.2
constexpr EnhancedCode kBadSender{5, 1, 7};   // RFC 3463 section 3.2

constexpr const char* kEndOfData = "end of data";

constexpr std::size_t kOwnReplyBytesMax = 2048;  // kept of what is said of one recipient; there may be thousands

// What stands in an envelope was parsed when it came in; a line end in it would be a command of its own.
bool is_safe(std::string_view address) noexcept {
  return std::ranges::none_of(address, [](char c) { return is(CharClass::control, c); });
}

void shorten(PeerReply& reply) {
  if (reply.text.size() > kOwnReplyBytesMax) reply.text = PeerText(reply.text.view().substr(0, kOwnReplyBytesMax));
}

ClientFailure unsuitable(EnhancedCode status, std::string explanation) {
  ClientFailure failure;
  failure.kind = ClientFailure::Kind::unsuitable;
  failure.phase = ClientPhase::mail;
  failure.status = status;
  failure.explanation = std::move(explanation);
  return failure;
}

}  // namespace

ClientTransaction::ClientTransaction(Client& client, const ClientMessage& message)
    : client_(client),
      message_(message),
      params_(message.params),
      pipelining_(client.offer_.pipelining && client.options_.use_pipelining),
      chunking_(client.offer_.chunking && client.options_.use_chunking) {
  params_.size = message.size_bytes;
  params_.smtputf8 = params_.smtputf8 || message.needs_smtputf8;
  params_.auth.reset();  // a claim between two hosts that trust each other, not one to hand on
  outcome_.recipients.resize(message.recipients.size());
  outcome_.used_chunking = chunking_;
  outcome_.used_pipelining = pipelining_;
  commands_ = 1 + message.recipients.size() + (pipelining_ && !chunking_ ? 1 : 0);
}

void ClientTransaction::fail(ClientFailure why) {
  if (why.ends_connection()) client_.broken_ = true;
  if (!outcome_.failure) outcome_.failure = std::move(why);
}

std::optional<ClientFailure> ClientTransaction::find_unsuitable() const {
  const PeerOffer& offer = client_.offer_;
  if (offer.size_max && message_.size_bytes > *offer.size_max)
    return unsuitable(kTooBig, "message is larger than the " + std::to_string(*offer.size_max) + " bytes the host accepts");
  if (message_.needs_smtputf8 && !offer.parameters.has(Extension::smtputf8))
    return unsuitable(kNeedsUtf8, "message needs SMTPUTF8, which the host does not offer");
  if (!is_safe(message_.sender)) return unsuitable(kBadSender, "sender cannot be written in a command");
  if (!std::ranges::all_of(message_.recipients, [](const ClientRecipient& to) { return is_safe(to.address); }))
    return unsuitable(kBadAddress, "recipient cannot be written in a command");
  return std::nullopt;
}

Task<void> ClientTransaction::run() {
  POSTERN_CHECK(!message_.recipients.empty() && message_.body != nullptr);
  if (std::optional<ClientFailure> why = find_unsuitable()) {
    outcome_.failure = std::move(why);
    co_return;
  }
  if (client_.broken_ || client_.stream_.has_input()) {
    co_await take_unasked();
    co_return;
  }
  ++client_.transactions_;
  outcome_.started = true;
  if (co_await exchange_envelope()) co_await send_text();
  if (data_open_) co_await close_empty_data();
  if (!settled_) co_await reset();
}

// The peer closed, or said something, while nothing was asked of it: 421 before it goes away, as a rule.
Task<void> ClientTransaction::take_unasked() {
  Result<PeerReply> reply = failure(Errc::closed, "begin a transaction");
  if (!client_.broken_) reply = co_await client_.read_reply(client_.options_.timeouts.parting_ms);
  fail(client_.failure_of(reply, ClientPhase::mail, command_of(0)));
  client_.broken_ = true;
}

ClientPhase ClientTransaction::phase_of(std::size_t index) const noexcept {
  if (index == 0) return ClientPhase::mail;
  return index <= message_.recipients.size() ? ClientPhase::rcpt : ClientPhase::data;
}

std::string ClientTransaction::command_of(std::size_t index) const {
  std::string command;
  switch (phase_of(index)) {
    case ClientPhase::mail:
      command = "MAIL FROM:<";
      command.append(message_.sender).append(">");
      append_mail_params(command, params_, client_.offer_.parameters);
      return command;
    case ClientPhase::rcpt: {
      const ClientRecipient& recipient = message_.recipients[index - 1];
      command = "RCPT TO:<";
      command.append(recipient.address).append(">");
      append_rcpt_params(command, recipient.params, client_.offer_.parameters);
      if (client_.options_.ignore_quota && client_.offer_.ignore_quota) command += " IGNOREQUOTA";
      return command;
    }
    default: return "DATA";
  }
}

// True when there are recipients and nothing stands in the way of the text.
Task<bool> ClientTransaction::exchange_envelope() {
  const std::size_t depth = pipelining_ ? kPipelineDepth : 1;
  std::size_t sent = 0;
  for (std::size_t answered = 0; answered < commands_; ++answered) {
    if (answered == sent) {
      const std::size_t to = std::min(commands_, sent + depth);
      if (!co_await send_commands(sent, to)) co_return false;
      sent = to;
    }
    const Result<PeerReply> reply = co_await client_.read_reply(client_.options_.timeouts.command_ms);
    if (!take_reply(answered, reply)) commands_ = sent;  // only the answers to what went out are still awaited
    if (client_.broken_) co_return false;
  }
  co_return !accepted_.empty() && !outcome_.failure;
}

Task<bool> ClientTransaction::send_commands(std::size_t from, std::size_t to) {
  OutputBuffer out(client_.pool_);
  for (std::size_t index = from; index < to; ++index) {
    out.append(command_of(index));
    out.append("\r\n");
  }
  const Result<void> written = co_await client_.write(out.take(), client_.options_.timeouts.command_ms);
  // A peer that closes in the middle of a pipeline has answered its first commands: what it said is still there to be read.
  if (written || written.error().code == Errc::reset) co_return true;
  fail(client_.failure_of(failure(written.error()), phase_of(from), command_of(from)));
  co_return false;
}

bool ClientTransaction::take_reply(std::size_t index, const Result<PeerReply>& reply) {
  switch (phase_of(index)) {
    case ClientPhase::mail: take_mail_reply(reply, command_of(index)); break;
    case ClientPhase::rcpt: take_rcpt_reply(index - 1, reply, command_of(index)); break;
    default: take_data_reply(reply, command_of(index)); break;
  }
  return !outcome_.failure;
}

void ClientTransaction::take_mail_reply(const Result<PeerReply>& reply, std::string command) {
  if (reply && reply->is_positive()) return;
  ClientFailure why = client_.failure_of(reply, ClientPhase::mail, std::move(command));
  why.pipelined = pipelining_;
  fail(std::move(why));
}

void ClientTransaction::take_rcpt_reply(std::size_t recipient, const Result<PeerReply>& reply, std::string command) {
  if (reply && reply->is_positive()) {
    accepted_.push_back(recipient);
    return;
  }
  ClientFailure why = client_.failure_of(reply, ClientPhase::rcpt, std::move(command));
  shorten(why.reply);
  if (why.ends_connection())
    fail(std::move(why));
  else if (!outcome_.failure)  // else MAIL was refused, and this only follows from it
    outcome_.recipients[recipient].failure = std::move(why);
}

void ClientTransaction::take_data_reply(const Result<PeerReply>& reply, std::string command) {
  if (reply && reply->code / 100 == 3) {
    data_open_ = true;
    return;
  }
  if (reply && accepted_.empty() && reply->code != 421 && !reply->is_positive()) return;
  ClientFailure why = client_.failure_of(reply, ClientPhase::data, std::move(command));
  why.pipelined = pipelining_;
  fail(std::move(why));
}

Task<void> ClientTransaction::send_text() {
  if (!chunking_ && !data_open_ && !co_await open_data()) co_return;
  data_open_ = false;  // from here on the text is either completed or the connection given up
  if (!co_await write_text()) co_return;
  settled_ = true;
  if (client_.options_.lmtp)
    co_await take_final_replies();
  else
    co_await take_final_reply();
}

Task<bool> ClientTransaction::open_data() {
  const Result<PeerReply> reply = co_await client_.command("DATA", client_.options_.timeouts.data_ms);
  take_data_reply(reply, "DATA");
  co_return data_open_;
}

// Holds the last piece back until the source agrees to the end.
Task<bool> ClientTransaction::write_text() {
  DotStuffer stuffer;
  Chain held;
  std::uint64_t bytes = 0;
  if (chunking_) held.append(copy_to_slice(client_.pool_, "BDAT " + std::to_string(message_.size_bytes) + " LAST\r\n"));
  for (;;) {
    Result<Chain> piece = co_await message_.body->next();
    if (!piece) co_return fail_locally(piece.error());
    if (piece->empty()) break;
    if (bytes > 0 && !co_await write_piece(std::exchange(held, Chain()))) co_return false;
    bytes += piece->size();
    if (chunking_)
      held.append(std::move(*piece));
    else
      for (std::size_t i = 0; i < piece->slice_count(); ++i) stuffer.stuff((*piece)[i], held);
  }
  POSTERN_CHECK(bytes == message_.size_bytes);
  if (!chunking_) stuffer.finish(held);
  const Result<void> agreed = co_await message_.body->before_end();
  if (!agreed) co_return fail_locally(agreed.error());
  end_sent_ = true;
  co_return co_await write_piece(std::move(held));
}

bool ClientTransaction::fail_locally(const Error& error) {
  ClientFailure why;
  why.kind = ClientFailure::Kind::local;
  why.phase = ClientPhase::end_of_data;
  why.command = kEndOfData;
  why.error = error;
  fail(std::move(why));
  return false;
}

Task<bool> ClientTransaction::write_piece(Chain piece) {
  const Result<void> written = co_await client_.write(std::move(piece), client_.options_.timeouts.block_ms);
  if (written) co_return true;
  // What was said of the first recipients before the connection broke is still there to be read.
  if (client_.options_.lmtp && end_sent_ && written.error().code == Errc::reset) co_return true;
  const Result<PeerReply> words = co_await client_.last_words(written.error());
  fail(client_.failure_of(words, ClientPhase::end_of_data, kEndOfData));
  outcome_.in_doubt = end_sent_ && outcome_.failure->kind != ClientFailure::Kind::rejected;
  co_return false;
}

Task<void> ClientTransaction::take_final_reply() {
  const Result<PeerReply> reply = co_await client_.read_reply(client_.options_.timeouts.end_ms);
  if (reply && reply->is_positive()) {
    for (const std::size_t recipient : accepted_) outcome_.recipients[recipient].delivered = true;
    outcome_.accepted = *reply;
    co_return;
  }
  take_final_failure(client_.failure_of(reply, ClientPhase::end_of_data, kEndOfData));
}

Task<void> ClientTransaction::take_final_replies() {
  for (const std::size_t index : accepted_) {
    RecipientOutcome& recipient = outcome_.recipients[index];
    Result<PeerReply> reply = co_await client_.read_reply(client_.options_.timeouts.end_ms);
    if (reply) shorten(*reply);
    if (reply && reply->is_positive()) {
      recipient.delivered = true;
      recipient.accepted = std::move(*reply);
      continue;
    }
    ClientFailure why = client_.failure_of(reply, ClientPhase::end_of_data, kEndOfData);
    if (why.ends_connection()) {  // nothing comes for those behind it either
      take_final_failure(std::move(why));
      co_return;
    }
    recipient.failure = std::move(why);
  }
}

void ClientTransaction::take_final_failure(ClientFailure why) {
  outcome_.in_doubt = why.kind != ClientFailure::Kind::rejected;
  fail(std::move(why));
}

// The peer took DATA although no text is to come (RFC 2920 section 3.1): it gets none, and whatever it says is ignored. An LMTP
// server must not (RFC 2033 section 4.2), and nobody knows how many replies it would send.
Task<void> ClientTransaction::close_empty_data() {
  if (client_.options_.lmtp) client_.broken_ = true;
  if (client_.broken_) co_return;
  static_cast<void>(co_await client_.command(".", client_.options_.timeouts.end_ms));
}

Task<void> ClientTransaction::reset() {
  if (client_.broken_) co_return;
  const Result<PeerReply> reply = co_await client_.command("RSET", client_.options_.timeouts.parting_ms);
  if (!reply || !reply->is_positive()) client_.broken_ = true;
}

}  // namespace postern::smtp
