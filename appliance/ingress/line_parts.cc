#include "appliance/ingress/line_parts.h"

#include <algorithm>

#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/command.h"
#include "policy/expand/text_operand.h"

namespace postern::ingress {
namespace {

using config::LogSelector;
using expand::append_number;
using log::LogLine;
using smtp::SessionState;

constexpr std::size_t kRecipientsShownBytes = 16 * 1024;  // of all of them

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

void append_tagged_host(LogLine& line, std::string_view tag, const LineContext& context) {
  line.text += tag;
  append_host(line, context);
}

void append_field(LogLine& line, std::string_view tag, std::string_view name, std::string_view peer_text, std::size_t most) {
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

}  // namespace postern::ingress
