#include "appliance/ingress/log_lines.h"

namespace postern::ingress {
namespace {

using config::LogSelector;
using log::LogLine;

// The unique id that the proxy gave the connection, for whoever compares its log with ours.
void append_proxied(LogLine& line, const Proxied& proxied) {
  line.field(" PRX=", "proxy", proxied.proxy.address.to_string());
  if (proxied.header.unique_id.empty()) return;
  append_field(line, " PRXID=\"", "proxy_unique_id", proxied.header.unique_id);
  line.text += '"';
}

int number_of(smtp::BodyType body) {
  if (body == smtp::BodyType::eight_bit_mime) return 8;
  return body == smtp::BodyType::seven_bit ? 7 : 0;
}

}  // namespace

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

}  // namespace postern::ingress
