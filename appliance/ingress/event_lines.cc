#include "appliance/ingress/event_lines.h"

#include "engine/base/error.h"
#include "engine/smtp/command.h"
#include "policy/expand/text_operand.h"

namespace postern::ingress {
namespace {

using config::LogSelector;
using expand::append_number;
using log::LogLine;
using smtp::Phase;
using smtp::SessionEvent;
using smtp::SessionEventKind;
using smtp::SessionState;

std::string_view rejected_what(Phase phase) {
  switch (phase) {
    case Phase::connect: return "rejected connection in \"connect\" ACL";
    case Phase::helo: return "rejected EHLO or HELO";
    case Phase::mail: return "rejected MAIL";
    case Phase::rcpt: return "rejected RCPT";
    case Phase::predata: return "rejected DATA";
    case Phase::data: return "rejected after DATA";
    case Phase::dkim: return "rejected DKIM ";  // Exim has what came with the command behind it: nothing
    case Phase::vrfy: return "rejected VRFY";
    case Phase::expn: return "rejected EXPN";
    case Phase::etrn: return "rejected ETRN";
  }
  return "rejected";
}

// What was asked for: the argument of the command, behind "FROM:" or "TO:".
void append_rejected_argument(LogLine& line, const SessionState& state, Phase phase) {
  const std::string_view argument = state.argument.view();
  if (phase == Phase::connect || phase == Phase::predata || phase == Phase::data || phase == Phase::dkim || argument.empty())
    return;
  append_field(line, " ", "argument", argument, kCommandShownMax);
}

void append_why(LogLine& line, const smtp::Verdict& verdict) {
  // Of several lines for the client the first one tells.
  const std::string_view why = verdict.log_text.empty() ? std::string_view(verdict.text).substr(0, verdict.text.find('\n'))
                                                        : std::string_view(verdict.log_text);
  if (!why.empty()) append_field(line, ": ", "reason", why, 2048);
}

std::string_view name_of_acl(Phase phase) {
  switch (phase) {
    case Phase::mail: return "MAIL ACL";
    case Phase::data: return "DATA ACL";
    case Phase::dkim: return "DKIM ACL";
    default: return "RCPT ACL";
  }
}

void append_blackhole(LogLine& line, const SessionEvent& event) {
  line.text += "=> blackhole (";
  line.text += name_of_acl(event.phase);
  line.text += " discarded recipients)";
  append_why(line, *event.verdict);
}

// "RCPT <a@b.example>: discarded by RCPT ACL"
void append_discarded(LogLine& line, const LineContext& context, Phase phase) {
  line.text += "RCPT";
  append_rejected_argument(line, context.state, phase);
  line.text += ": discarded by ";
  line.text += name_of_acl(phase);
}

void append_rejection(LogLine& line, const LineContext& context, const SessionEvent& event, const smtp::Envelope* envelope) {
  const smtp::Verdict& verdict = *event.verdict;
  const bool discards = verdict.decision == smtp::Decision::discard;
  const bool names_sender = discards || event.phase == Phase::rcpt || event.phase == Phase::data;
  append_tagged_host(line, "H=", context);
  if (names_sender) append_sender(line, envelope);
  line.text += ' ';
  if (discards) {
    append_discarded(line, context, event.phase);
  } else {
    if (verdict.decision == smtp::Decision::defer) line.text += "temporarily ";
    line.text += rejected_what(event.phase);
    append_rejected_argument(line, context.state, event.phase);
  }
  append_why(line, verdict);
}

void append_last_command(LogLine& line, std::string_view what, const SessionState& state) {
  line.text += what;
  append_field(line, "\"", "command", state.command.view(), kCommandShownMax);
  line.text += '"';
}

void append_synchronization_error(LogLine& line, const LineContext& context, const SessionEvent& event) {
  line.text += "SMTP protocol synchronization error (";
  if (event.kind == SessionEventKind::input_before_greeting) {
    append_tagged_host(line, "input sent without waiting for greeting): rejected connection from H=", context);
  } else {
    line.text += "next input sent too soon: pipelining was ";
    if (!context.state.offers(smtp::EhloKeyword::pipelining)) line.text += "not ";
    append_field(line, "advertised): rejected \"", "command", context.state.command.view(), kCommandShownMax);
    append_tagged_host(line, "\" H=", context);
  }
  append_field(line, " next input=\"", "input", event.input.view(), kCommandShownMax);
  line.text += '"';
}

void append_error_in_command(LogLine& line, std::string_view what, const LineContext& context, const SessionEvent& event) {
  append_field(line, what, "command", context.state.command.view(), kCommandShownMax);
  append_tagged_host(line, "\" H=", context);
  line.field(" ", "reason", event.text);
}

void append_refused_message(LogLine& line, const LineContext& context, const smtp::Envelope* envelope, std::string_view why) {
  append_tagged_host(line, "H=", context);
  append_sender(line, envelope);
  line.text += ' ';
  line.text += why;
}

void append_size_refusal(LogLine& line, const LineContext& context, const SessionEvent& event, const smtp::Envelope* envelope) {
  if (event.kind == SessionEventKind::size_declared_too_large) {
    const std::string_view command = context.state.command.view();
    append_field(line, "rejected ", "command", command.substr(0, command.find('>')), kCommandShownMax);
    append_tagged_host(line, "> H=", context);
    line.text += ": message too big: size=";
  } else {
    append_refused_message(line, context, envelope, "rejected: message too big: read=");
  }
  append_number(line.text, event.number);
  line.text += " max=";
  append_number(line.text, event.limit);
}

void append_unqualified(LogLine& line, std::string_view what, const LineContext& context, const SessionEvent& event) {
  append_field(line, what, "address", event.input.view());
  append_tagged_host(line, "> H=", context);
}

void append_call_dropped(LogLine& line, const LineContext& context, std::string_view why, bool with_history = false) {
  append_tagged_host(line, "SMTP call from ", context);
  append_last_command(line, why, context.state);
  if (with_history) {
    line.text += ", ";
    append_history(line, context.state.history);
  }
  line.text += ')';
}

void append_connection_end(LogLine& line, const LineContext& context, std::string_view how) {
  append_tagged_host(line, "SMTP connection from ", context);
  line.text += how;
}

// A client that had not begun a message did no harm by going away.
bool is_in_message(const smtp::Envelope* envelope) { return envelope != nullptr && envelope->has_sender(); }

// Which selector a line of that kind wants; nothing: it is always written.
std::optional<LogSelector> selector_of(const SessionEvent& event, const smtp::Envelope* envelope) {
  switch (event.kind) {
    case SessionEventKind::syntax_error: return LogSelector::smtp_syntax_error;
    case SessionEventKind::protocol_error: return LogSelector::smtp_protocol_error;
    case SessionEventKind::size_declared_too_large:
    case SessionEventKind::message_too_large: return LogSelector::size_reject;
    case SessionEventKind::command_timeout:
    case SessionEventKind::data_timeout:
    case SessionEventKind::lost_in_data:
    case SessionEventKind::lost_after_data: return LogSelector::lost_incoming_connection;
    case SessionEventKind::lost:
      return is_in_message(envelope) ? LogSelector::lost_incoming_connection : LogSelector::smtp_connection;
    case SessionEventKind::closed_by_quit:
    case SessionEventKind::closed_by_drop:
    case SessionEventKind::closed_by_stop: return LogSelector::smtp_connection;
    case SessionEventKind::incomplete_transaction: return LogSelector::smtp_incomplete_transaction;
    default: return std::nullopt;
  }
}

// In one word, for logs that programs read.
std::string_view name_of(SessionEventKind kind) {
  switch (kind) {
    case SessionEventKind::rejected: return "rejected";
    case SessionEventKind::input_before_greeting:
    case SessionEventKind::input_sent_too_soon: return "synchronization_error";
    case SessionEventKind::syntax_error: return "syntax_error";
    case SessionEventKind::protocol_error: return "protocol_error";
    case SessionEventKind::too_many_errors:
    case SessionEventKind::too_many_unknown:
    case SessionEventKind::too_many_nonmail: return "too_many_errors";
    case SessionEventKind::helo_refused: return "helo_refused";
    case SessionEventKind::helo_missing: return "helo_missing";
    case SessionEventKind::too_many_messages: return "too_many_messages";
    case SessionEventKind::sender_unqualified: return "sender_unqualified";
    case SessionEventKind::recipient_unqualified: return "recipient_unqualified";
    case SessionEventKind::discarded: return "discarded";
    case SessionEventKind::too_many_recipients: return "too_many_recipients";
    case SessionEventKind::size_declared_too_large:
    case SessionEventKind::message_too_large: return "message_too_large";
    case SessionEventKind::header_too_large: return "header_too_large";
    case SessionEventKind::mail_loop: return "mail_loop";
    case SessionEventKind::bare_newline: return "bare_newline";
    case SessionEventKind::no_space: return "no_space";
    case SessionEventKind::command_timeout:
    case SessionEventKind::data_timeout:
    case SessionEventKind::send_timeout: return "timeout";
    case SessionEventKind::lost:
    case SessionEventKind::lost_in_data:
    case SessionEventKind::lost_after_data: return "connection_lost";
    case SessionEventKind::closed_by_quit:
    case SessionEventKind::closed_by_drop:
    case SessionEventKind::closed_by_stop: return "connection_closed";
    case SessionEventKind::incomplete_transaction: return "incomplete_transaction";
  }
  return {};
}

bool is_for_reject_log(SessionEventKind kind) {
  switch (kind) {
    case SessionEventKind::rejected:
    case SessionEventKind::input_before_greeting:
    case SessionEventKind::input_sent_too_soon:
    case SessionEventKind::too_many_errors:
    case SessionEventKind::too_many_unknown:
    case SessionEventKind::too_many_nonmail:
    case SessionEventKind::helo_refused:
    case SessionEventKind::helo_missing:
    case SessionEventKind::sender_unqualified:
    case SessionEventKind::recipient_unqualified:
    case SessionEventKind::size_declared_too_large:
    case SessionEventKind::message_too_large:
    case SessionEventKind::header_too_large:
    case SessionEventKind::mail_loop:
    case SessionEventKind::bare_newline: return true;
    default: return false;
  }
}

void append_incomplete_transaction(LogLine& line, const LineContext& context, const SessionEvent& event,
                                   const smtp::Envelope* envelope) {
  append_tagged_host(line, "H=", context);
  line.field(" incomplete transaction (", "reason", event.text);
  line.text += ')';
  if (!is_in_message(envelope)) return;
  append_field(line, " from <", "sender", envelope->sender().address.text().view());
  line.text += '>';
  append_recipients(line, *envelope);
}

void append_text_of(LogLine& line, const LineContext& context, const SessionEvent& event, const smtp::Envelope* envelope) {
  const SessionState& state = context.state;
  switch (event.kind) {
    case SessionEventKind::rejected: return append_rejection(line, context, event, envelope);
    case SessionEventKind::input_before_greeting:
    case SessionEventKind::input_sent_too_soon: return append_synchronization_error(line, context, event);
    case SessionEventKind::syntax_error: return append_error_in_command(line, "SMTP syntax error in \"", context, event);
    case SessionEventKind::protocol_error: return append_error_in_command(line, "SMTP protocol error in \"", context, event);
    case SessionEventKind::too_many_errors:
      return append_call_dropped(line, context, " dropped: too many syntax or protocol errors (last command was ", true);
    case SessionEventKind::too_many_unknown:
      return append_call_dropped(line, context, " dropped: too many unrecognized commands (last was ");
    case SessionEventKind::too_many_nonmail:
      return append_call_dropped(line, context, " dropped: too many nonmail commands (last was ");
    case SessionEventKind::helo_refused:
      line.field("rejected ", "verb", event.text);
      append_tagged_host(line, " from ", context);
      return append_field(line, ": syntactically invalid argument(s): ", "argument",
                          state.argument.empty() ? "(no argument given)" : state.argument.view(), kCommandShownMax);
    case SessionEventKind::helo_missing:
      append_tagged_host(line, "rejected MAIL from ", context);
      line.text += ": no HELO/EHLO given";
      return;
    case SessionEventKind::too_many_messages:
      append_tagged_host(line, "rejected MAIL command from H=", context);
      line.text += ": too many messages in one connection";
      return;
    case SessionEventKind::sender_unqualified:
      return append_unqualified(line, "unqualified sender rejected: <", context, event);
    case SessionEventKind::recipient_unqualified:
      return append_unqualified(
          line, event.text.empty() ? "unqualified recipient rejected: <" : "unqualified verify rejected: <", context, event);
    case SessionEventKind::discarded: return append_blackhole(line, event);
    case SessionEventKind::too_many_recipients:
      return append_refused_message(line, context, envelope, "too many recipients: excess temporarily rejected");
    case SessionEventKind::size_declared_too_large:
    case SessionEventKind::message_too_large: return append_size_refusal(line, context, event, envelope);
    case SessionEventKind::header_too_large:
      append_refused_message(line, context, envelope, "rejected: header too big: max=");
      return append_number(line.text, event.limit);
    case SessionEventKind::mail_loop:
      append_refused_message(line, context, envelope, "rejected: Too many \"Received\" headers: ");
      return append_number(line.text, event.number);
    case SessionEventKind::bare_newline:
      return append_refused_message(line, context, envelope, "rejected: bare CR or LF in message");
    case SessionEventKind::no_space:
      append_refused_message(line, context, envelope, "temporarily rejected: ");
      if (event.error != nullptr) line.text += describe(*event.error);
      return;
    case SessionEventKind::command_timeout:
      return append_tagged_host(line, "SMTP command timeout on connection from ", context);
    case SessionEventKind::data_timeout:
      append_tagged_host(line, "SMTP data timeout (message abandoned) on connection from ", context);
      return append_sender(line, envelope);
    case SessionEventKind::send_timeout:
      return append_tagged_host(line, "SMTP reply not read by client: connection dropped: ", context);
    case SessionEventKind::lost:
      if (!is_in_message(envelope)) {
        append_connection_end(line, context, " lost");
        return append_duration_of_connection(line.text, context);
      }
      append_tagged_host(line, "unexpected disconnection while reading SMTP command from ", context);
      return append_duration_of_connection(line.text, context);
    case SessionEventKind::lost_in_data:
      append_tagged_host(line, "SMTP connection lost while reading message data H=", context);
      return append_sender(line, envelope);
    case SessionEventKind::lost_after_data:
      append_tagged_host(line, "SMTP connection lost after final dot H=", context);
      return append_sender(line, envelope);
    case SessionEventKind::closed_by_quit: return append_connection_end(line, context, " closed by QUIT");
    case SessionEventKind::closed_by_drop: return append_connection_end(line, context, " closed by DROP in ACL");
    case SessionEventKind::closed_by_stop: return append_connection_end(line, context, " closed after SIGTERM");
    case SessionEventKind::incomplete_transaction: return append_incomplete_transaction(line, context, event, envelope);
  }
}

}  // namespace

std::optional<EventLine> append_event(LogLine& line, const LineContext& context, const SessionEvent& event,
                                      const smtp::Envelope* envelope, std::string_view id) {
  const std::optional<LogSelector> selector = selector_of(event, envelope);
  if (selector && !context.selectors.has(*selector)) return std::nullopt;
  line.event = name_of(event.kind);
  if (!id.empty()) {
    line.field("", "id", id);
    line.text += ' ';
  }
  append_text_of(line, context, event, envelope);
  return EventLine{is_for_reject_log(event.kind) ? log::Stream::reject : log::Stream::main};
}

}  // namespace postern::ingress
