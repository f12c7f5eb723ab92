// The lines of the main log about connections and the messages that arrive by them, in Exim's form: log tools and fail2ban read
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/ingress/line_parts.h"
#include "appliance/ingress/proxied.h"
#include "appliance/log/log_line.h"
#include "engine/smtp/envelope.h"

namespace postern::ingress {

struct Arrival {
  std::string_view id;
  const smtp::Envelope& envelope;
  std::string_view message_id;       // of the header, as append_message_id() gives it; empty: none
  std::uint64_t message_bytes = 0;   // added headers included
  const Proxied* proxied = nullptr;  // where it came through a proxy
  std::string_view subject = {};     // likewise, as append_subject() gives it; nothing where there is none
  bool has_subject = false;
  std::string_view dkim_domain = {};  // of a signature that passed; empty: none did
  bool refused = false;               // the client was told that it is not taken: "(=" in place of "<="
  bool chunked = false;               // it came by BDAT
  std::int64_t receive_time_us = 0;   // from DATA to the end of the data, durable
};
// "1wlos3-000008-0T <= a@b.example H=(c.example) [192.0.2.1] P=esmtp S=1234 id=x@y", and what log_selector adds.
void append_arrival(log::LogLine& line, const LineContext& context, const Arrival& arrival);

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

}  // namespace postern::ingress
