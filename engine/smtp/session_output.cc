// Replies: built-in ones, those that hooks decide on, and complaints about what the client did.
#include <array>

#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

struct UsualReply {
  std::string_view plain;
  std::string_view enhanced;
};
// In the order of Session::Usual; a test holds them to what write_reply() makes of the built-in replies.
constexpr std::array<UsualReply, 3> kUsualReplies{{
    {"250 OK\r\n", "250 2.1.0 OK\r\n"},
    {"250 Accepted\r\n", "250 2.1.5 Accepted\r\n"},
    {"354 Enter message, ending with \".\" on a line by itself\r\n",
     "354 Enter message, ending with \".\" on a line by itself\r\n"},
}};

// What the peer sent and we repeat to it or log as an example; append_reply() makes it safe to show.
constexpr std::size_t kShownBytesMax = 128;

Reply refusal_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::vrfy: return reply::kVrfyUnknown;
    case Phase::etrn: return {458, {4, 7, 1}, reply::kAdministrativeProhibition.text};
    default: return reply::kAdministrativeProhibition;
  }
}

constexpr Reply kTemporaryProblem{451, {4, 3, 0}, "Temporary local problem - please try later"};
constexpr EnhancedCode kTemporaryPolicy{4, 7, 1};
constexpr Reply kNulInCommand{501, {5, 5, 2}, "NULL characters are not allowed in SMTP commands"};
constexpr Reply kBareNewlineInCommand{501, {5, 5, 2}, "Bare CR or LF characters are not allowed in SMTP commands"};
constexpr Reply kLineTooLong{500, {5, 5, 2}, "Line too long"};

}  // namespace

std::string Session::named(std::string_view behind) const { return std::string(options_.active_hostname).append(behind); }

void Session::write(const Reply& reply) { write_text(reply, state_.offers(EhloKeyword::enhanced_status_codes)); }

void Session::write(const ConfiguredReply& configured) {
  write_text(configured.reply, configured.has_own_enhanced || state_.offers(EhloKeyword::enhanced_status_codes));
}

void Session::write_text(const Reply& reply, bool enhanced_codes) {
  const ReplyFormat format{.enhanced_codes = enhanced_codes, .allow_utf8 = envelope_.sender().smtputf8};
  std::array<char, kReplyLineBytesMax> line;
  if (const std::size_t bytes = write_reply(line, reply, format); bytes > 0) return output_.append({line.data(), bytes});
  std::string lines;
  append_reply(lines, reply, format);
  output_.append(lines);
}

void Session::write_usual(Usual which) {
  const UsualReply& reply = kUsualReplies[static_cast<std::size_t>(which)];
  output_.append(state_.offers(EhloKeyword::enhanced_status_codes) ? reply.enhanced : reply.plain);
}

Stream::Write Session::send() {
  return stream_->write(output_.take(), {now().plus_ms(limits().smtp_send_timeout_ms), &environment_.stopping});
}

void Session::note_sent(const Result<void>& sent) {
  if (sent) return;
  if (sent.error().code == Errc::stopped && ending_ == nullptr) return stop_service();
  peer_gone_ = true;
  if (ending_ != nullptr) return;
  const bool is_timeout = sent.error().code == Errc::timed_out;
  tell_incomplete("connection lost");
  const SessionEventKind lost = reply_unheard_ ? SessionEventKind::lost_after_data : SessionEventKind::lost;
  hooks_.event({.kind = is_timeout ? SessionEventKind::send_timeout : lost, .error = &sent.error()});
  end(NotQuit::connection_lost, kNoReply, false);
}

void Session::tell_incomplete(std::string_view why) {
  if (in_transaction()) hooks_.event({.kind = SessionEventKind::incomplete_transaction, .text = why});
}

void Session::complain(SessionEventKind kind, const Reply& reply, std::string_view logged) {
  hooks_.event({.kind = kind, .text = logged.empty() ? reply.text : logged});
  count_error(reply);
  if (ending_ == nullptr) write(reply);
}

Task<void> Session::answer_error(SessionEventKind kind, Reply reply) {
  complain(kind, reply);
  co_return;
}

// One error too many ends the connection: its reply gets a second line that says so.
void Session::count_error(const Reply& reply) {
  if (++state_.counters.errors <= limits().smtp_max_synprot_errors) return;
  hooks_.event({.kind = SessionEventKind::too_many_errors});
  end(NotQuit::bad_command_synprot, {reply.code, reply.enhanced, reply::kTooManyErrors.text}, true, reply.text);
}

Task<void> Session::refuse_line() {
  if (fault_ == LineFault::too_long)
    complain(SessionEventKind::syntax_error, kLineTooLong);
  else
    complain(SessionEventKind::syntax_error, kBareNewlineInCommand);
  co_return;
}

Task<void> Session::refuse_nul() {
  complain(SessionEventKind::syntax_error, kNulInCommand, "NULL character(s) present (shown as '?')");
  co_return;
}

// To this client nothing is allowed. It may hear so as often as others may send commands that no message needs.
Task<void> Session::refuse_command() {
  if (++state_.counters.nonmail > limits().smtp_accept_max_nonmail) co_return co_await too_many_nonmail();
  write(Reply{503, {5, 5, 1}, options_.refusal});
  co_return;
}

Task<void> Session::unknown_command() {
  if (state_.counters.unknown++ < limits().smtp_max_unknown_commands) {
    complain(SessionEventKind::syntax_error, reply::kUnrecognizedCommand);
    co_return;
  }
  hooks_.event({.kind = SessionEventKind::syntax_error, .text = reply::kUnrecognizedCommand.text});
  tell_incomplete(reply::kUnrecognizedCommand.text);
  hooks_.event({.kind = SessionEventKind::too_many_unknown});
  end(NotQuit::bad_commands, reply::kTooManyUnrecognized, true);
}

// One RSET and one HELO or EHLO for each message are free: some clients always send them.
bool Session::exceeds_nonmail() noexcept {
  switch (command_.verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::data:
    case Verb::bdat:
    case Verb::quit: return false;
    case Verb::rset:
      if (std::exchange(free_rset_, false)) return false;
      break;
    case Verb::helo:
    case Verb::ehlo:
      if (std::exchange(free_helo_, false)) return false;
      break;
    default: break;
  }
  return options_.count_nonmail && ++state_.counters.nonmail > limits().smtp_accept_max_nonmail;
}

Task<void> Session::too_many_nonmail() {
  tell_incomplete("too many non-mail commands");
  hooks_.event({.kind = SessionEventKind::too_many_nonmail});
  end(NotQuit::bad_commands, reply::kTooManyNonmail, true);
  co_return;
}

// Commands that must be the last of a pipeline (RFC 2920 section 3.1), and all but a few where pipelining was not offered.
bool Session::needs_sync() const noexcept {
  if (!options_.enforce_sync || fault_ != LineFault::none || has_nul_) return false;
  switch (command_.verb) {
    case Verb::bdat:
    case Verb::quit:
    case Verb::help:
    case Verb::auth: return false;
    case Verb::mail:
    case Verb::rcpt:
    case Verb::rset: return !state_.offers(EhloKeyword::pipelining);
    default: return true;
  }
}

Task<void> Session::fail_sync() {
  tell_incomplete("sync failure");
  hooks_.event({.kind = SessionEventKind::input_sent_too_soon, .input = PeerView(input_.view().substr(0, kShownBytesMax))});
  end(NotQuit::synchronization_error, reply::kSynchronization, true);
  co_return;
}

// After a hook that may have waited: true when the peer has not sent anything meanwhile that it should not have.
Task<bool> Session::check_sync() {
  if (input_.empty()) co_await look_for_input();
  if (input_.empty()) co_return true;
  co_await fail_sync();
  co_return false;
}

void Session::refuse(Phase phase, const Verdict& verdict) {
  hooks_.event({.kind = SessionEventKind::rejected, .phase = phase, .verdict = &verdict});
  ConfiguredReply configured;
  if (verdict.decision == Decision::defer) {
    configured = configured_reply(verdict.text, {451, kTemporaryPolicy, {}}, phase == Phase::vrfy);
    if (verdict.text.empty()) configured.reply = kTemporaryProblem;
  } else {
    configured = configured_reply(verdict.text, refusal_of(phase), phase == Phase::vrfy);
  }
  if (phase == Phase::rcpt) note_rcpt_refusal(configured.reply.text);
  write(configured);
  if (verdict.decision != Decision::drop) return;
  hooks_.event({.kind = SessionEventKind::closed_by_drop});
  end(NotQuit::acl_drop, kNoReply, true);
}

// DATA is told why, when all recipients were refused for the same reason.
void Session::note_rcpt_refusal(std::string_view text) {
  text = text.substr(0, kReplyLineBytesMax);
  if (rcpt_refusal_ == nullptr)
    rcpt_refusal_ = std::make_unique<std::string>(text);
  else if (*rcpt_refusal_ != text)
    rcpt_refusals_differ_ = true;
}

}  // namespace postern::smtp
