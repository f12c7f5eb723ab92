// The lines of the main and reject logs that a connection causes, in Exim's form: log tools and fail2ban read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "appliance/config/log_selector.h"
#include "appliance/ingress/proxied.h"
#include "appliance/log/log_line.h"
#include "appliance/log/log_sink.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/state.h"

namespace postern::ingress {

// "(client.example) [192.0.2.1]", or without the first part when the client gave no name or gave its address. Printable
// whatever the client sent. `with_port`: the port behind it, as log_selector +incoming_port has it.
void append_full_host(std::string& out, const smtp::SessionState& state, bool with_port = false);
// "[192.0.2.1] (helo=client.example)": what Received: says of the client.
void append_received_host(std::string& out, const smtp::SessionState& state, bool with_port = false);

// What every line of a connection goes by. Borrowed.
struct LineContext {
  const smtp::SessionState& state;
  const config::LogSelectors& selectors;
  std::string_view connection_id;
};

struct Arrival {
  std::string_view id;
  const smtp::Envelope& envelope;
  std::string_view message_id;       // of the header, as append_message_id() gives it; empty: none
  std::uint64_t message_bytes = 0;   // added headers included
  const Proxied* proxied = nullptr;  // where it came through a proxy
  std::string_view subject = {};     // likewise, as append_subject() gives it; nothing where there is none
  bool has_subject = false;
  bool refused = false;              // the client was told that it is not taken: "(=" in place of "<="
  bool chunked = false;              // it came by BDAT
  std::int64_t receive_time_us = 0;  // from DATA to the end of the data, durable
};
// "1wlos3-000008-0T <= a@b.example H=(c.example) [192.0.2.1] P=esmtp S=1234 id=x@y", and what log_selector adds.
void append_arrival(log::LogLine& line, const LineContext& context, const Arrival& arrival);

// The line for `event`, if it deserves one. `envelope` is that of the current transaction; `id` is empty before there is one. A
// refusal goes to the reject log too.
struct EventLine {
  log::Stream stream;  // main, or reject for both
};
[[nodiscard]] std::optional<EventLine> append_event(log::LogLine& line, const LineContext& context,
                                                    const smtp::SessionEvent& event, const smtp::Envelope* envelope,
                                                    std::string_view id);

// "H=(client.example) [192.0.2.1]", for lines of one's own.
void append_client(log::LogLine& line, const LineContext& context);

// "ETRN #example.org received from (client.example) [192.0.2.1]": log_selector etrn.
void append_etrn(log::LogLine& line, const LineContext& context, PeerView argument);

// "SMTP connection from [192.0.2.1] (TCP/IP connection count = 3)": log_selector +smtp_connection.
void append_connection_begin(log::LogLine& line, const LineContext& context, std::uint64_t connections);
// "no MAIL in SMTP connection from ... D=3s C=EHLO,QUIT": log_selector +smtp_no_mail, at the end of such a connection.
void append_no_mail(log::LogLine& line, const LineContext& context);

// "Connection from [192.0.2.1] refused: too many connections".
void append_refused_connection(std::string& out, const IpAddress& client, std::string_view why);

// What stands in the reject log behind the line of a message that was refused after its text: log_selector rejected_header.
void append_rejected_header(std::string& out, const smtp::Envelope& envelope, std::string_view header);

// The Message-ID of a header, without angle brackets and printable; empty when there is none.
void append_message_id(std::string& out, const smtp::HeaderView& headers);
// The Subject, printable, quotes and backslashes escaped; encoded words as they are. False when there is none.
[[nodiscard]] bool append_subject(std::string& out, const smtp::HeaderView& headers);

}  // namespace postern::ingress
