#include "appliance/ingress/log_lines.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/command.h"

namespace postern::ingress {
namespace {

using config::LogSelector;
using log::LogLine;
using smtp::Phase;
using smtp::SessionEvent;
using smtp::SessionEventKind;
using smtp::SessionState;

constexpr std::size_t kCommandShownMax = 128;
constexpr std::size_t kRecipientsShownBytes = 16 * 1024;  // of all of them
constexpr std::size_t kHeaderShownBytes = 16 * 1024;
constexpr std::size_t kSubjectShownMax = 1000;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

// Where parts of a host lie in a text.
struct HostPlace {
  std::size_t name_from = 0;
  std::size_t name_to = 0;
  std::size_t helo_from = 0;
  std::size_t helo_to = 0;
  std::size_t address_from = 0;
  std::size_t address_to = 0;
};

void append_client_address(std::string& out, const SessionState& state, bool with_port, HostPlace& place) {
  out += '[';
  place.address_from = out.size();
  out += state.endpoints.peer.address.to_string();
  place.address_to = out.size();
  out += ']';
  if (!with_port) return;
  out += ':';
  append_number(out, state.endpoints.peer.port);
}

// A name that only repeats the address tells nothing.
bool helo_tells_something(const SessionState& state) {
  const std::string_view helo = state.helo.view();
  if (helo.empty() || smtp::equal_ignoring_case(helo, state.host_name.view())) return false;
  if (helo.front() != '[' || helo.back() != ']') return true;
  return helo.substr(1, helo.size() - 2) != state.endpoints.peer.address.to_string();
}

HostPlace append_host(std::string& out, const SessionState& state, bool with_port) {
  HostPlace place;
  if (!state.host_name.view().empty()) {
    place.name_from = out.size();
    append_printable(out, state.host_name.view());
    place.name_to = out.size();
    out += ' ';
  }
  if (helo_tells_something(state)) {
    out += '(';
    place.helo_from = out.size();
    append_printable(out, state.helo.view());
    place.helo_to = out.size();
    out += ") ";
  }
  append_client_address(out, state, with_port, place);
  return place;
}

// The host, and where it came in when the log is to say so.
void append_host(LogLine& line, const LineContext& context) {
  const HostPlace place = append_host(line.text, context.state, context.selectors.has(LogSelector::incoming_port));
  if (place.name_to > place.name_from) line.mark("host_name", place.name_from, place.name_to);
  if (place.helo_to > place.helo_from) line.mark("helo", place.helo_from, place.helo_to);
  line.mark("host_address", place.address_from, place.address_to);
  if (!context.selectors.has(LogSelector::incoming_interface)) return;
  const SocketAddress& local = context.state.endpoints.local;
  line.field(" I=[", "interface_address", local.address.to_string());
  line.field("]:", "interface_port", std::to_string(local.port));
}

void append_tagged_host(LogLine& line, std::string_view tag, const LineContext& context) {
  line.text += tag;
  append_host(line, context);
}

void append_field(LogLine& line, std::string_view tag, std::string_view name, std::string_view peer_text,
                  std::size_t most = 512) {
  line.text += tag;
  const std::size_t from = line.text.size();
  append_printable(line.text, peer_text, most);
  line.mark(name, from);
}

void append_number_field(LogLine& line, std::string_view tag, std::string_view name, std::uint64_t number) {
  line.text += tag;
  const std::size_t from = line.text.size();
  append_number(line.text, number);
  line.mark(name, from);
}

void append_sender(LogLine& line, const smtp::Envelope* envelope) {
  if (envelope == nullptr || !envelope->has_sender()) return;
  append_field(line, " F=<", "sender", envelope->sender().address.text().view());
  line.text += '>';
}

// " for a@b.example c@d.example"
void append_recipients(LogLine& line, const smtp::Envelope& envelope) {
  if (envelope.recipients().empty()) return;
  line.text += " for";
  const std::size_t from = line.text.size() + 1;
  for (const smtp::Recipient& recipient : envelope.recipients()) {
    if (line.text.size() > from + kRecipientsShownBytes) {
      line.text += " ...";
      break;
    }
    line.text += ' ';
    append_printable(line.text, recipient.address.text().view());
  }
  line.mark("recipients", from);
}

void append_duration_of_connection(std::string& out, const LineContext& context) {
  const Instant now = Scheduler::current().now();
  out += " D=";
  log::append_time_taken(out, (now.ns - context.state.connected_at.ns) / 1'000, context.selectors.has(LogSelector::millisec));
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
void append_rejected_argument(LogLine& line, const SessionState& state, Phase phase) {
  const std::string_view argument = state.argument.view();
  if (phase == Phase::connect || phase == Phase::predata || phase == Phase::data || argument.empty()) return;
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

// " C=EHLO,MAIL": the last commands.
void append_history(LogLine& line, const smtp::CommandHistory& history) {
  line.text += " C=";
  const std::size_t from = line.text.size();
  const std::size_t shown = std::min<std::size_t>(history.count, history.verbs.size());
  if (history.count > shown) line.text += "...,";
  for (std::size_t i = history.count - shown; i < history.count; ++i) {
    line.text += smtp::to_string(history.verbs[i % history.verbs.size()]);
    if (i + 1 < history.count) line.text += ',';
  }
  line.mark("commands", from);
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

// The unique id that the proxy gave the connection, for whoever compares its log with ours.
void append_proxied(LogLine& line, const Proxied& proxied) {
  line.field(" PRX=", "proxy", proxied.proxy.address.to_string());
  if (proxied.header.unique_id.empty()) return;
  append_field(line, " PRXID=\"", "proxy_unique_id", proxied.header.unique_id);
  line.text += '"';
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

int number_of(smtp::BodyType body) {
  if (body == smtp::BodyType::eight_bit_mime) return 8;
  return body == smtp::BodyType::seven_bit ? 7 : 0;
}

// The letter that Exim puts before a header line.
char letter_of(std::string_view name) {
  struct Row {
    std::string_view name;
    char letter;
  };
  static constexpr auto kRows = std::to_array<Row>({{"Bcc", 'B'},
                                                    {"Cc", 'C'},
                                                    {"From", 'F'},
                                                    {"Message-ID", 'I'},
                                                    {"Received", 'P'},
                                                    {"Reply-To", 'R'},
                                                    {"Sender", 'S'},
                                                    {"To", 'T'}});
  for (const Row& row : kRows)
    if (smtp::equal_ignoring_case(row.name, name)) return row.letter;
  return ' ';
}

}  // namespace

void append_full_host(std::string& out, const SessionState& state, bool with_port) {
  static_cast<void>(append_host(out, state, with_port));
}

void append_received_host(std::string& out, const SessionState& state, bool with_port) {
  const bool has_name = !state.host_name.view().empty();
  if (has_name) {
    append_printable(out, state.host_name.view());
    out += " (";
  }
  HostPlace place;
  append_client_address(out, state, with_port, place);
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

bool append_subject(std::string& out, const smtp::HeaderView& headers) {
  const auto field = headers.find("Subject");
  if (!field) return false;
  std::string plain;
  for (const char c : field->trimmed().view().substr(0, kSubjectShownMax)) {
    if (c != '\r') plain += c;  // a fold is shown as \n
  }
  // A backslash becomes two by itself.
  for (std::string_view rest = plain; !rest.empty();) {
    const std::size_t quote = std::min(rest.find('"'), rest.size());
    append_printable(out, rest.substr(0, quote), kSubjectShownMax);
    if (quote < rest.size()) out += "\\\"";
    rest.remove_prefix(std::min(quote + 1, rest.size()));
  }
  return true;
}

void append_client(LogLine& line, const LineContext& context) { append_tagged_host(line, "H=", context); }

void append_arrival(LogLine& line, const LineContext& context, const Arrival& arrival) {
  const auto wants = [&context](LogSelector selector) { return context.selectors.has(selector); };
  const smtp::ReversePath& sender = arrival.envelope.sender();
  const std::string_view address = sender.address.empty() ? "<>" : sender.address.text().view();
  line.event = "arrival";
  line.field("", "id", arrival.id);
  append_field(line, arrival.refused ? " (= " : " <= ", "sender", address);
  append_tagged_host(line, " H=", context);
  if (wants(LogSelector::connection_id)) line.field(" Ci=", "connection_id", context.connection_id);
  line.field(" P=", "protocol", smtp::protocol_name(context.state, sender.smtputf8));
  if (wants(LogSelector::pipelining) && context.state.offers(smtp::EhloKeyword::pipelining))
    line.text += context.state.pipelining_used ? " L" : " L-";
  if (wants(LogSelector::proxy) && arrival.proxied != nullptr) append_proxied(line, *arrival.proxied);
  if (arrival.chunked) line.text += " K";
  append_number_field(line, " S=", "size", arrival.message_bytes);
  if (wants(LogSelector::eight_bit_mime)) line.field(" M8S=", "body", std::to_string(number_of(sender.body)));
  if (wants(LogSelector::receive_time)) {
    std::string taken;
    log::append_time_taken(taken, arrival.receive_time_us, wants(LogSelector::millisec));
    line.field(" RT=", "receive_time", taken);
  }
  if (wants(LogSelector::msg_id) && !arrival.message_id.empty()) line.field(" id=", "message_id", arrival.message_id);
  if (wants(LogSelector::subject) && arrival.has_subject) {
    line.field(" T=\"", "subject", arrival.subject);
    line.text += '"';
  }
  if (wants(LogSelector::received_sender)) {
    append_field(line, " from <", "original_sender", sender.address.text().view());
    line.text += '>';
  }
  if (wants(LogSelector::received_recipients)) append_recipients(line, arrival.envelope);
}

void append_connection_begin(LogLine& line, const LineContext& context, std::uint64_t connections) {
  line.event = "connection_begun";
  append_tagged_host(line, "SMTP connection from ", context);
  if (context.selectors.has(LogSelector::connection_id)) line.field(" Ci=", "connection_id", context.connection_id);
  append_number_field(line, " (TCP/IP connection count = ", "connections", connections);
  line.text += ')';
}

void append_etrn(LogLine& line, const LineContext& context, PeerView argument) {
  line.event = "etrn";
  append_field(line, "ETRN ", "argument", argument.view(), kCommandShownMax);
  append_tagged_host(line, " received from ", context);
}

void append_no_mail(LogLine& line, const LineContext& context) {
  line.event = "no_mail";
  append_tagged_host(line, "no MAIL in SMTP connection from ", context);
  append_duration_of_connection(line.text, context);
  const smtp::CommandHistory& history = context.state.history;
  if (history.count == 0) return;
  append_history(line, history);
}

void append_refused_connection(std::string& out, const IpAddress& client, std::string_view why) {
  out += "Connection from [";
  out += client.to_string();
  out += "] refused: ";
  out += why;
}

void append_rejected_header(std::string& out, const smtp::Envelope& envelope, std::string_view header) {
  out += "\nEnvelope-from: <";
  append_printable(out, envelope.sender().address.text().view());
  out += '>';
  bool is_first = true;
  for (const smtp::Recipient& recipient : envelope.recipients()) {
    if (out.size() > kHeaderShownBytes) break;
    out += std::exchange(is_first, false) ? "\nEnvelope-to: <" : "\n    <";
    append_printable(out, recipient.address.text().view());
    out += '>';
  }
  std::string_view rest = header;
  while (const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(rest)) {
    if (out.size() > kHeaderShownBytes) {
      out += "\n...";
      break;
    }
    const std::string_view name = field->name.view();
    out += '\n';
    out += letter_of(name);
    out += ' ';
    append_printable(out, name);
    if (!name.empty()) out += ':';
    // Folds stay lines of their own; each begins with a blank, so that none can be taken for a line of the log.
    std::string_view value = field->value.view();
    for (bool is_first_line = true; is_first_line || !value.empty(); is_first_line = false) {
      std::size_t end = std::min(value.find("\r\n"), value.size());
      if (!is_first_line && end > 0) {
        out += value.front() == '\t' ? "\n\t" : "\n ";
        value.remove_prefix(1);
        --end;
      }
      append_printable(out, value.substr(0, end), 1000);
      value.remove_prefix(std::min(end + 2, value.size()));
    }
  }
}

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
