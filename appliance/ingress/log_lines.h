// The lines of the main and reject logs that a connection causes, in Exim's form: log tools and fail2ban read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "appliance/ingress/proxied.h"
#include "appliance/log/log_sink.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/state.h"

namespace postern::ingress {

// "(client.example) [192.0.2.1]", or without the first part when the client gave no name or gave its address: what follows H= .
// Printable whatever the client sent.
void append_full_host(std::string& out, const smtp::SessionState& state);
// "[192.0.2.1] (helo=client.example)": what Received: says of the client.
void append_received_host(std::string& out, const smtp::SessionState& state);

struct Arrival {
  std::string_view id;
  const smtp::Envelope& envelope;
  std::string_view message_id;       // of the header, as append_message_id() gives it; empty: none
  std::uint64_t message_bytes = 0;   // added headers included
  const Proxied* proxied = nullptr;  // where it came through a proxy and the log is to say so
};
// "1wlos3-000008-0T <= a@b.example H=(c.example) [192.0.2.1] P=esmtp S=1234 id=x@y".
void append_arrival(std::string& out, const smtp::SessionState& state, const Arrival& arrival);

// The line for `event`, if it deserves one. `envelope` is that of the current transaction; `id` is empty before there is one. A
// refusal goes to the reject log too.
struct EventLine {
  log::Stream stream;  // main, or reject for both
};
[[nodiscard]] std::optional<EventLine> append_event(std::string& out, const smtp::SessionState& state,
                                                    const smtp::SessionEvent& event, const smtp::Envelope* envelope,
                                                    std::string_view id);

// "Connection from [192.0.2.1] refused: too many connections".
void append_refused_connection(std::string& out, const IpAddress& client, std::string_view why);

// The Message-ID of a header, without angle brackets and printable; empty when there is none.
void append_message_id(std::string& out, const smtp::HeaderView& headers);

}  // namespace postern::ingress
