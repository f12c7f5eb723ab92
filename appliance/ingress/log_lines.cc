#include "appliance/ingress/log_lines.h"

#include <array>
#include <charconv>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"

namespace postern::ingress {
namespace {

using smtp::Phase;
using smtp::SessionEvent;
using smtp::SessionEventKind;
using smtp::SessionState;

constexpr std::size_t kCommandShownMax = 128;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_client_address(std::string& out, const SessionState& state) {
  out += '[';
  out += state.endpoints.peer.address.to_string();
  out += ']';
}

// A name that only repeats the address tells nothing.
bool helo_tells_something(const SessionState& state) {
  const std::string_view helo = state.helo.view();
  if (helo.empty() || smtp::equal_ignoring_case(helo, state.host_name.view())) return false;
  if (helo.front() != '[' || helo.back() != ']') return true;
  return helo.substr(1, helo.size() - 2) != state.endpoints.peer.address.to_string();
}

void append_sender(std::string& out, const smtp::Envelope* envelope) {
  if (envelope == nullptr || !envelope->has_sender()) return;
  out += " F=<";
  append_printable(out, envelope->sender().address.text().view());
  out += '>';
}

std::string_view rejected_what(Phase phase) {
  switch (phase) {
    case Phase::connect: return "rejected connection in \"connect\" ACL";
    case Phase::helo: return "rejected EHLO or HELO";
    case Phase::mail: return "rejected MAIL";
    case Phase::rcpt: return "rejected RCPT";
    case Phase::predata: return "rejected DATA";
    case Phase::data: return "rejected after DATA";
    case Phase::vrfy: return "rejected VRFY";
    case Phase::expn: return "rejected EXPN";
    case Phase::etrn: return "rejected ETRN";
  }
  return "rejected";
}

// What was asked for: the argument of the command, behind "FROM:" or "TO:".
void append_rejected_argument(std::string& out, const SessionState& state, Phase phase) {
  const std::string_view argument = state.argument.view();
  if (phase == Phase::connect || phase == Phase::predata || phase == Phase::data || argument.empty()) return;
  out += ' ';
  append_printable(out, argument, kCommandShownMax);
}

void append_rejection(std::string& out, const SessionState& state, const SessionEvent& event, const smtp::Envelope* envelope) {
  const smtp::Verdict& verdict = *event.verdict;
  out += "H=";
  append_full_host(out, state);
  append_sender(out, envelope);
  out += ' ';
  if (verdict.decision == smtp::Decision::defer) out += "temporarily ";
  if (verdict.decision == smtp::Decision::discard) {
    out += "discarded";
    out += rejected_what(event.phase).substr(8);
  } else {
    out += rejected_what(event.phase);
  }
  append_rejected_argument(out, state, event.phase);
  const std::string& why = verdict.log_text.empty() ? verdict.text : verdict.log_text;
  if (!why.empty()) {
    out += ": ";
    append_printable(out, why, 2048);
  }
}

void append_last_command(std::string& out, std::string_view what, const SessionState& state) {
  out += what;
  out += "\"";
  append_printable(out, state.command.view(), kCommandShownMax);
  out += "\")";
}

void append_connection(std::string& out, std::string_view what, const SessionState& state) {
  out += what;
  append_full_host(out, state);
}

void append_synchronization_error(std::string& out, const SessionState& state, const SessionEvent& event) {
  out += "SMTP protocol synchronization error (";
  if (event.kind == SessionEventKind::input_before_greeting) {
    out += "input sent without waiting for greeting): rejected connection from H=";
    append_full_host(out, state);
  } else {
    out += "next input sent too soon: pipelining was ";
    if (!state.offers(smtp::EhloKeyword::pipelining)) out += "not ";
    out += "advertised): rejected \"";
    append_printable(out, state.command.view(), kCommandShownMax);
    out += "\" H=";
    append_full_host(out, state);
  }
  out += " next input=\"";
  append_printable(out, event.input.view(), kCommandShownMax);
  out += '"';
}

void append_error_in_command(std::string& out, std::string_view what, const SessionState& state, const SessionEvent& event) {
  out += what;
  out += "\"";
  append_printable(out, state.command.view(), kCommandShownMax);
  out += "\" H=";
  append_full_host(out, state);
  out += ' ';
  out += event.text;
}

void append_refused_message(std::string& out, const SessionState& state, const smtp::Envelope* envelope, std::string_view why) {
  out += "H=";
  append_full_host(out, state);
  append_sender(out, envelope);
  out += ' ';
  out += why;
}

void append_size_refusal(std::string& out, const SessionState& state, const SessionEvent& event,
                         const smtp::Envelope* envelope) {
  const bool declared = event.kind == SessionEventKind::size_declared_too_large;
  append_refused_message(out, state, envelope,
                         declared ? "rejected MAIL: message too big: size=" : "rejected: message too big: read=");
  append_number(out, event.number);
  out += " max=";
  append_number(out, event.limit);
}

// The unique id that the proxy gave the connection, for whoever compares its log with ours.
void append_proxied(std::string& out, const Proxied& proxied) {
  out += " PRX=";
  out += proxied.proxy.address.to_string();
  if (proxied.header.unique_id.empty()) return;
  out += " PRXID=\"";
  append_printable(out, proxied.header.unique_id);
  out += '"';
}

void append_unqualified(std::string& out, std::string_view what, const SessionState& state, const SessionEvent& event) {
  out += what;
  append_printable(out, event.input.view());
  out += "> H=";
  append_full_host(out, state);
}

}  // namespace

void append_full_host(std::string& out, const SessionState& state) {
  if (!state.host_name.view().empty()) {
    append_printable(out, state.host_name.view());
    out += ' ';
  }
  if (helo_tells_something(state)) {
    out += '(';
    append_printable(out, state.helo.view());
    out += ") ";
  }
  append_client_address(out, state);
}

void append_received_host(std::string& out, const SessionState& state) {
  const bool has_name = !state.host_name.view().empty();
  if (has_name) {
    append_printable(out, state.host_name.view());
    out += " (";
  }
  append_client_address(out, state);
  if (helo_tells_something(state)) {
    out += has_name ? " helo=" : " (helo=";
    append_printable(out, state.helo.view());
    out += has_name ? "" : ")";
  }
  if (has_name) out += ')';
}

void append_message_id(std::string& out, const smtp::HeaderView& headers) {
  const auto field = headers.find("Message-ID");
  if (!field) return;
  std::string_view value = field->trimmed().view();
  if (const std::size_t open = value.find('<'); open != std::string_view::npos) {
    value.remove_prefix(open + 1);
    value = value.substr(0, value.find('>'));
  }
  append_printable(out, value, 256);
}

void append_arrival(std::string& out, const SessionState& state, const Arrival& arrival) {
  out += arrival.id;
  out += " <= ";
  const smtp::ReversePath& sender = arrival.envelope.sender();
  if (sender.address.empty())
    out += "<>";
  else
    append_printable(out, sender.address.text().view());
  out += " H=";
  append_full_host(out, state);
  out += " P=";
  out += smtp::protocol_name(state, sender.smtputf8);
  if (arrival.proxied != nullptr) append_proxied(out, *arrival.proxied);
  out += " S=";
  append_number(out, arrival.message_bytes);
  if (arrival.message_id.empty()) return;
  out += " id=";
  out += arrival.message_id;
}

void append_refused_connection(std::string& out, const IpAddress& client, std::string_view why) {
  out += "Connection from [";
  out += client.to_string();
  out += "] refused: ";
  out += why;
}

std::optional<EventLine> append_event(std::string& out, const SessionState& state, const SessionEvent& event,
                                      const smtp::Envelope* envelope, std::string_view id) {
  if (!id.empty()) {
    out += id;
    out += ' ';
  }
  log::Stream stream = log::Stream::main;
  switch (event.kind) {
    case SessionEventKind::rejected:
      append_rejection(out, state, event, envelope);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::input_before_greeting:
    case SessionEventKind::input_sent_too_soon:
      append_synchronization_error(out, state, event);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::syntax_error: append_error_in_command(out, "SMTP syntax error in ", state, event); break;
    case SessionEventKind::protocol_error: append_error_in_command(out, "SMTP protocol error in ", state, event); break;
    case SessionEventKind::too_many_errors:
      append_connection(out, "SMTP call from ", state);
      append_last_command(out, " dropped: too many syntax or protocol errors (last command was ", state);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::too_many_unknown:
      append_connection(out, "SMTP call from ", state);
      append_last_command(out, " dropped: too many unrecognized commands (last was ", state);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::too_many_nonmail:
      append_connection(out, "SMTP call from ", state);
      append_last_command(out, " dropped: too many nonmail commands (last was ", state);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::helo_refused:
      out += "rejected ";
      out += event.text;
      append_connection(out, " from H=", state);
      out += ": syntactically invalid argument(s): ";
      append_printable(out, state.argument.empty() ? "(no argument given)" : state.argument.view(), kCommandShownMax);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::helo_missing:
      append_connection(out, "rejected MAIL from H=", state);
      out += ": no HELO/EHLO given";
      stream = log::Stream::reject;
      break;
    case SessionEventKind::too_many_messages:
      append_connection(out, "rejected MAIL command from H=", state);
      out += ": too many messages in one connection";
      break;
    case SessionEventKind::sender_unqualified:
      append_unqualified(out, "unqualified sender rejected: <", state, event);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::recipient_unqualified:
      append_unqualified(out, "unqualified recipient rejected: <", state, event);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::too_many_recipients:
      append_refused_message(out, state, envelope, "too many recipients: excess temporarily rejected");
      break;
    case SessionEventKind::size_declared_too_large:
    case SessionEventKind::message_too_large:
      append_size_refusal(out, state, event, envelope);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::header_too_large:
      append_refused_message(out, state, envelope, "rejected: header too big: max=");
      append_number(out, event.limit);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::mail_loop:
      append_refused_message(out, state, envelope, "rejected: Too many \"Received\" headers: ");
      append_number(out, event.number);
      stream = log::Stream::reject;
      break;
    case SessionEventKind::bare_newline:
      append_refused_message(out, state, envelope, "rejected: bare CR or LF in message");
      stream = log::Stream::reject;
      break;
    case SessionEventKind::no_space:
      append_refused_message(out, state, envelope, "temporarily rejected: ");
      if (event.error != nullptr) out += describe(*event.error);
      break;
    case SessionEventKind::command_timeout: append_connection(out, "SMTP command timeout on connection from ", state); break;
    case SessionEventKind::data_timeout:
      append_connection(out, "SMTP data timeout (message abandoned) on connection from ", state);
      append_sender(out, envelope);
      break;
    case SessionEventKind::send_timeout:
      append_connection(out, "SMTP reply not read by client: connection dropped: ", state);
      break;
    case SessionEventKind::lost:
      append_connection(out, "unexpected disconnection while reading SMTP command from ", state);
      break;
    case SessionEventKind::lost_in_data:
      append_connection(out, "SMTP connection lost while reading message data H=", state);
      append_sender(out, envelope);
      break;
    case SessionEventKind::lost_after_data:
      append_connection(out, "SMTP connection lost after final dot H=", state);
      append_sender(out, envelope);
      break;
    case SessionEventKind::closed_by_drop:
      append_connection(out, "SMTP connection from ", state);
      out += " closed by DROP in ACL";
      break;
    case SessionEventKind::closed_by_stop:
      append_connection(out, "SMTP connection from ", state);
      out += " closed after SIGTERM";
      break;
    case SessionEventKind::closed_by_quit:
    case SessionEventKind::incomplete_transaction:
      // Exim logs these only where log_selector asks for smtp_connection or smtp_incomplete_transaction.
      return std::nullopt;
  }
  return EventLine{stream};
}

}  // namespace postern::ingress
