// What the log lines of a connection are put together from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/config/log_selector.h"
#include "appliance/log/log_line.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/state.h"

namespace postern::ingress {

inline constexpr std::size_t kCommandShownMax = 128;

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

// "H=(client.example) [192.0.2.1] I=[192.0.2.9]:25" behind `tag`, as far as the log is to say it.
void append_tagged_host(log::LogLine& line, std::string_view tag, const LineContext& context);

// A field of the line, behind `tag`: what a peer sent, made printable, `most` bytes of it; or a number.
void append_field(log::LogLine& line, std::string_view tag, std::string_view name, std::string_view peer_text,
                  std::size_t most = 512);
void append_number_field(log::LogLine& line, std::string_view tag, std::string_view name, std::uint64_t number);

// " F=<a@b.example>"; nothing without a sender.
void append_sender(log::LogLine& line, const smtp::Envelope* envelope);
// " for a@b.example c@d.example"
void append_recipients(log::LogLine& line, const smtp::Envelope& envelope);
// " D=3s", since the connection began.
void append_duration_of_connection(std::string& out, const LineContext& context);
// " C=EHLO,MAIL": the last commands.
void append_history(log::LogLine& line, const smtp::CommandHistory& history);

}  // namespace postern::ingress
