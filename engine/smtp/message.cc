// What DATA and BDAT have in common: the place for a message, the end of its data, and the end of its transaction.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

// A copy, because the sink is gone once the message is committed.
class MessageIdText {
 public:
  explicit MessageIdText(std::string_view id) noexcept : size_(std::min(id.size(), bytes_.size())) {
    std::memcpy(bytes_.data(), id.data(), size_);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 40> bytes_;
  std::size_t size_;
};

constexpr Reply kTooManyRecipientsData{554, {5, 5, 3}, "Too many recipients"};
constexpr Reply kNotOpened{451, {4, 3, 0}, "Temporary local problem - please try later"};
constexpr Reply kNotStored{451, {4, 3, 0}, "Error in writing spool file"};
constexpr Reply kHeaderTooLarge{552, {5, 3, 4}, "Message header is ridiculously long"};
constexpr Reply kMailLoop{550, {5, 4, 6}, "Too many \"Received\" headers - suspected mail loop"};
constexpr Reply kBareNewline{550, {5, 6, 0}, "Bare CR or LF characters are not allowed in messages"};

Reply reply_to(const Error& error, const Reply& otherwise) noexcept {
  switch (error.code) {
    case Errc::disk_full:
    case Errc::busy: return reply::kSpaceShortage;
    case Errc::too_large: return reply::kMessageTooBig;
    default: return otherwise;
  }
}

}  // namespace

// A message needs recipients. Those that a hook discarded count: the message goes nowhere, and the peer is not to know.
bool Session::may_send_message() {
  const bool is_data = command_.verb == Verb::data;
  if (envelope_.recipients().empty() && !rcpt_discarded_) {
    std::string text;
    if (rcpt_refusal_ != nullptr && !rcpt_refusals_differ_)
      text.append("All RCPT commands were rejected with this error:\n").append(*rcpt_refusal_).append("\n");
    Reply answer = is_data ? reply::kNoRecipientsData : reply::kNoRecipientsBdat;
    const std::size_t last_line = text.size();
    text.append(answer.text);
    answer.text = text;
    if (recent_.rcpt && state_.offers(EhloKeyword::pipelining)) {
      text[last_line] = 'V';  // not an error of the client's: it could not know what became of its recipients
      write(answer);
    } else {
      complain(SessionEventKind::protocol_error, answer, std::string_view(text).substr(last_line));
    }
    return false;
  }
  return true;
}

// After recipients_max_reject: a message that lacks some of its recipients is not taken at all.
bool Session::refuses_for_recipients() {
  if (!too_many_rcpts_ || !limits().recipients_max_reject) return false;
  write(kTooManyRecipientsData);
  return true;
}

MessageIntake& Session::make_intake(MessageIntake::Kind kind) {
  intake_.reset(new MessageIntake(kind, {options_, envelope_, hooks_, environment_.pool}));
  data_started_ = now();
  return *intake_;
}

// Makes intake_ and finds a place for its bytes; otherwise the client has been told why not.
Task<bool> Session::open_message(MessageIntake::Kind kind) {
  const bool discard = envelope_.recipients().empty();
  Result<MessageSink*> sink = co_await hooks_.open_message(envelope_, envelope_.sender().declared_size.value_or(0));
  if (!sink) {
    hooks_.event({.kind = SessionEventKind::no_space, .error = &sink.error()});
    write(reply_to(sink.error(), kNotOpened));
    co_return false;
  }
  make_intake(kind).open(**sink, discard);
  co_return true;
}

// All data has come: the last word on the message, and its reply.
Task<void> Session::finish_message() {
  intake_->finish_text();
  if (intake_->refusal() != Refusal::none) {
    refuse_message();
    co_return co_await abandon_transaction();
  }
  if (intake_->is_discarding()) {
    const Verdict nothing{Decision::discard, {}, {}};
    hooks_.event({.kind = SessionEventKind::discarded,
                  .phase = mail_discarded_ != nullptr ? Phase::mail : Phase::rcpt,
                  .verdict = &nothing,
                  .number = intake_->stats().stored_bytes});
    write_message_accepted(MessageIdText(intake_->sink()->id()).view(), {});
    co_return co_await abandon_transaction();
  }
  Additions additions;
  const BodyStats stats = intake_->stats();
  const Verdict verdict = co_await hooks_.end_of_data({envelope_, intake_->headers(), stats, *intake_->sink()}, additions);
  if (verdict.decision == Decision::accept) co_return co_await commit_message(stats, verdict, additions);
  if (verdict.decision == Decision::discard) {
    hooks_.event(
        {.kind = SessionEventKind::discarded, .phase = Phase::data, .verdict = &verdict, .number = stats.stored_bytes});
    write_message_accepted(MessageIdText(intake_->sink()->id()).view(), verdict);
  } else {
    refuse(Phase::data, verdict);
  }
  co_await abandon_transaction();
}

Task<void> Session::commit_message(const BodyStats& stats, const Verdict& verdict, const Additions& additions) {
  const MessageIdText id(intake_->sink()->id());
  const Result<CommitReceipt> receipt = co_await intake_->commit(additions);
  if (!receipt) {
    hooks_.event({.kind = SessionEventKind::no_space, .error = &receipt.error()});
    write(reply_to(receipt.error(), kNotStored));
    co_return co_await abandon_transaction();
  }
  ++state_.counters.accepted;
  reply_unheard_ = true;
  // What the client is to believe was lent by the hooks until now.
  const std::string reply_text(additions.reply_text);
  hooks_.accepted(envelope_, stats, id.view(), *receipt);
  if (additions.reply_code == 0)
    write_message_accepted(id.view(), verdict);
  else
    write_other_outcome(additions.reply_code, reply_text);
  if (!state_.transaction_checks.try_end()) co_await state_.transaction_checks.end();
  reset_transaction();
}

void Session::write_other_outcome(int code, std::string_view text) {
  const EnhancedCode other = code >= 500 ? EnhancedCode{5, 0, 0} : EnhancedCode{4, 0, 0};
  write(configured_reply(text, {code, other, text}));
}

// "250 OK id=..."; every message gets it, so it is put together by hand.
void Session::write_message_accepted(std::string_view id, const Verdict& verdict) {
  if (!verdict.text.empty()) return write(configured_reply(verdict.text, reply::kOk));
  const std::string_view code = state_.offers(EhloKeyword::enhanced_status_codes) ? "2.0.0 " : "";
  std::array<char, 160> text;
  char* to = text.data();
  const auto put = [&](std::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); };
  const auto put_number = [&](std::uint64_t number) { to = std::to_chars(to, text.data() + text.size(), number).ptr; };
  if (intake_->kind() == MessageIntake::Kind::bdat) {
    put("250-");
    put(code);
    put(" ");
    put_number(intake_->chunk_bytes());
    put(" byte chunk, total ");
    put_number(intake_->wire_bytes());
    put("\r\n");
  }
  put("250 ");
  put(code);
  put(reply::kMessageAcceptedBefore);
  put(id);
  put("\r\n");
  output_.append({text.data(), static_cast<std::size_t>(to - text.data())});
}

// The message was lost before its end; this is its end.
void Session::refuse_message() {
  const BodyStats stats = intake_->stats();
  switch (intake_->refusal()) {
    case Refusal::too_large:
      hooks_.event(
          {.kind = SessionEventKind::message_too_large, .number = stats.wire_bytes, .limit = limits().message_size_limit});
      return write(reply::kMessageTooBig);
    case Refusal::header_too_large:
      hooks_.event({.kind = SessionEventKind::header_too_large, .limit = limits().header_maxsize});
      return write(kHeaderTooLarge);
    case Refusal::mail_loop:
      hooks_.event({.kind = SessionEventKind::mail_loop, .number = intake_->received_fields()});
      return write(kMailLoop);
    case Refusal::bare_newline:
      hooks_.event({.kind = SessionEventKind::bare_newline, .number = stats.first_bare_at});
      return write(kBareNewline);
    case Refusal::no_space:
      hooks_.event({.kind = SessionEventKind::no_space, .error = &intake_->error()});
      return write(reply::kSpaceShortage);
    case Refusal::answered:
    case Refusal::none: break;
  }
}

// The transaction ends without a message.
Task<void> Session::abandon_transaction() {
  if (intake_ != nullptr) co_await intake_->abort();
  if (in_transaction()) hooks_.reset();
  if (!state_.transaction_checks.try_end()) co_await state_.transaction_checks.end();
  reset_transaction();
}

void Session::reset_transaction() noexcept {
  if (intake_ != nullptr) free_helo_ = free_rset_ = true;
  intake_.reset();
  envelope_.clear();
  state_.recipients = {};
  mail_discarded_.reset();
  rcpt_discarded_ = false;
  too_many_rcpts_ = false;
  rcpt_refusals_differ_ = false;
  rcpt_refusal_.reset();
}

}  // namespace postern::smtp
