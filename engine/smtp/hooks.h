// What the session asks of the house around it: policy, spool, log. Implemented by the daemon over ACLs and the spool, and in a
// few lines by tests.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/base/result.h"
#include "engine/buffer/slice.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/header_view.h"
#include "engine/smtp/line_ends.h"
#include "engine/smtp/session_limits.h"
#include "engine/smtp/sink.h"
#include "engine/smtp/state.h"
#include "engine/smtp/verdict.h"

namespace postern::smtp {

// A message all of whose bytes have arrived.
struct MessageView {
  const Envelope& envelope;
  const HeaderView& headers;
  const BodyStats& stats;  // sizes, longest line, 8-bit
  MessageSink& sink;       // id(), text()
};

// Where in the dialogue something was decided. dkim: over one signature, behind data.
enum class Phase : std::uint8_t { connect, helo, mail, rcpt, predata, data, dkim, vrfy, expn, etrn };

// What happened in a session that people may want in a log. The texts that Exim writes for each stand beside it.
enum class SessionEventKind : std::uint8_t {
  rejected,                 // a verdict other than accept: "rejected RCPT <...>: ..." (`phase`, `verdict`; discard included)
  input_before_greeting,    // "SMTP protocol synchronization error (input sent without waiting for greeting) ..." (`input`)
  input_sent_too_soon,      // "... (next input sent too soon: pipelining was [not] advertised): rejected ..." (`input`)
  syntax_error,             // "SMTP syntax error in "..." ... `text`"
  protocol_error,           // "SMTP protocol error in "..." ... `text`"
  too_many_errors,          // "SMTP call from ... dropped: too many syntax or protocol errors (last command was "...")"
  too_many_unknown,         // "... too many unrecognized commands (last was "...")"
  too_many_nonmail,         // "... too many nonmail commands (last was "...")"
  helo_refused,             // "rejected EHLO from ...: syntactically invalid argument(s): ..." (`text`: EHLO or HELO)
  helo_missing,             // "rejected MAIL from ...: no HELO/EHLO given"
  too_many_messages,        // "rejected MAIL command ...: too many messages in one connection"
  sender_unqualified,       // "unqualified sender rejected: <...>" (`input`: the address)
  recipient_unqualified,    // "unqualified recipient rejected: <...>" (`input`: the address; `text`: "verify" at VRFY)
  discarded,                // nothing is left of the message: "=> blackhole (...)" (`phase`, `verdict`, `number`: its bytes)
  too_many_recipients,      // "too many recipients: excess temporarily rejected: sender=<...>"; once a transaction
  size_declared_too_large,  // "rejected MAIL FROM:<...> ...: message too big: size=`number` max=`limit`"
  message_too_large,        // "rejected from <...> ...: message too big: read=`number` max=`limit`"
  header_too_large,         // "rejected from <...> ...: header too big" (`limit`)
  mail_loop,                // "rejected from <...> ...: Too many "Received" headers" (`number`)
  bare_newline,             // a message refused for a bare CR or LF
  no_space,         // the sink could not be opened or written, or commit() failed (`error`); the peer was told 452 or 451
  command_timeout,  // "SMTP command timeout on connection from ..."
  data_timeout,     // "SMTP data timeout (message abandoned) on connection from ... F=<...>"; the rate limit too
  send_timeout,     // the peer did not read our replies
  lost,             // "unexpected disconnection while reading SMTP command from ..." in a transaction; else "... lost"
  lost_in_data,     // "SMTP connection lost while reading message data"
  lost_after_data,  // "SMTP connection lost after final dot": the message is ours, the peer never heard of it
  closed_by_quit,   // "... closed by QUIT"
  closed_by_drop,   // "... closed by DROP in ACL"
  closed_by_stop,   // "... closed after SIGTERM"
  incomplete_transaction,  // "... incomplete transaction (`text`)": RSET, QUIT, connection lost, sync failure ...
};

struct SessionEvent {
  SessionEventKind kind;
  Phase phase = Phase::connect;      // for `rejected`
  const Verdict* verdict = nullptr;  // likewise
  PeerView input = {};               // what the peer sent, beyond state.command
  std::string_view text = {};        // our own words
  std::uint64_t number = 0;
  std::uint64_t limit = 0;
  const Error* error = nullptr;
};

// Why a connection ended without QUIT, in Exim's words ($smtp_notquit_reason).
enum class NotQuit : std::uint8_t {
  acl_drop,               // "acl-drop"
  bad_commands,           // "bad-commands"
  bad_command_synprot,    // "bad-command-synprot"
  command_timeout,        // "command-timeout"
  connection_lost,        // "connection-lost"
  data_timeout,           // "data-timeout"
  signal_exit,            // "signal-exit"
  synchronization_error,  // "synchronization-error"
};
[[nodiscard]] std::string_view to_string(NotQuit reason) noexcept;

// One object for one session. All calls come from the session's coroutine, one at a time, in the order of the dialogue. What a
// call is given stays valid until its answer has been awaited. Verdicts say the text; the session finds the code and the form.
// Hooks that wait listen to the stop of the scope they belong to, or to whatever ends the process: the session does not cut
// them short.
class SessionHooks {
 public:
  virtual ~SessionHooks() = default;

  // Before the greeting. `state` may be kept until closed(). `options` comes filled with what the session was made with and may
  // be changed for this client. A text in an accepting verdict takes the banner's place.
  [[nodiscard]] virtual ReadyOr<Verdict> connect(SessionState& state, SessionOptions& options) = 0;
  // HELO and EHLO; state.helo holds the new name. May still change options.keywords and the like.
  [[nodiscard]] virtual ReadyOr<Verdict> helo();
  // The envelope holds the sender. discard: all recipients are accepted and the message goes nowhere.
  [[nodiscard]] virtual ReadyOr<Verdict> mail(const Envelope& envelope);
  // Whether the spool has room for a message of that many bytes (0: not declared); asked at MAIL, before mail(). False: 452.
  [[nodiscard]] virtual bool has_space(std::uint64_t bytes);
  // The recipient is not in the envelope yet.
  [[nodiscard]] virtual ReadyOr<Verdict> rcpt(const Envelope& envelope, const Recipient& recipient) = 0;
  // DATA, before 354. Not asked for BDAT, where the text comes with the command.
  [[nodiscard]] virtual ReadyOr<Verdict> predata(const Envelope& envelope);

  // A place for the message's bytes; `bytes_expected` is the declared size, or 0. Asked once for each message, after the
  // verdicts up to here. Errors: disk_full (452), too_large (552), others (451).
  [[nodiscard]] virtual ReadyOr<Result<MessageSink*>> open_message(const Envelope& envelope, std::uint64_t bytes_expected) = 0;

  // The header block is complete while the body is still arriving (at the latest at the end of the data). Start checks here, in
  // state.transaction_checks. The view stays valid until the message's sink is committed or aborted. Not for messages that go
  // nowhere (refused for their size and the like).
  virtual void headers_complete(const Envelope& envelope, const HeaderView& headers);
  // A tap on the stored bytes behind the header block, in order. Asks for a pause with `wait`: body_room() is then awaited.
  virtual Pace body(const Slice& bytes);
  [[nodiscard]] virtual Task<void> body_room();

  // All bytes are in the sink. The verdict decides between commit() with `additions`, whose texts this object keeps until then,
  // and abort().
  [[nodiscard]] virtual ReadyOr<Verdict> end_of_data(const MessageView& message, Additions& additions) = 0;
  // commit() has succeeded: the message is ours, before the peer is told. For the arrival line; what that needs of the headers
  // was noted in end_of_data().
  virtual void accepted(const Envelope& envelope, const BodyStats& stats, std::string_view id, const CommitReceipt& receipt);

  // A transaction ends without a message: RSET, EHLO, the end of the connection, a refused message.
  virtual void reset();
  // The text of an accepting verdict replaces "<host> closing connection"; other verdicts change nothing.
  [[nodiscard]] virtual ReadyOr<Verdict> quit();
  // The connection ends otherwise; a text replaces that of the last reply, if there is one.
  [[nodiscard]] virtual ReadyOr<Verdict> notquit(NotQuit reason);

  // Refused where no rule allows them (252 to VRFY, 550 to EXPN, 458 to ETRN). An accepting verdict's text goes behind "250 ".
  [[nodiscard]] virtual ReadyOr<Verdict> vrfy(const EnvelopeAddress& address);
  [[nodiscard]] virtual ReadyOr<Verdict> expn(PeerView argument);
  [[nodiscard]] virtual ReadyOr<Verdict> etrn(PeerView argument);

  virtual void event(const SessionEvent& event);
  // Last call: the session is about to end, all checks have ended.
  virtual void closed();
};

}  // namespace postern::smtp
