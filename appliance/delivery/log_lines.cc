#include "appliance/delivery/log_lines.h"

#include <cstring>
#include <string>

#include "appliance/delivery/transports/problem.h"
#include "engine/base/peer_text.h"

namespace postern::delivery {

namespace {

constexpr std::size_t kConfirmationMax = 1024;

using config::LogSelector;
using config::LogSelectors;
using log::LogLine;

void append_field(LogLine& line, std::string_view tag, std::string_view name, std::string_view peer_text) {
  line.text += tag;
  const std::size_t from = line.text.size();
  append_printable(line.text, peer_text);
  line.mark(name, from);
}

void append_host(LogLine& line, const HostSeen& host, const LogSelectors& selectors) {
  const SocketAddress& address = host.hop.address;
  append_field(line, " H=", "host", host.name);
  line.field(" [", "host_address", address.address.to_string());
  line.text += ']';
  if (selectors.has(LogSelector::outgoing_port)) line.field(":", "host_port", std::to_string(address.port));
}

void append_known_host(LogLine& line, const HostSeen& host, const LogSelectors& selectors) {
  if (host.hop.is_socket()) return;
  append_host(line, host, selectors);
  if (host.reused) line.text += '*';
}

void append_sender(LogLine& line, const LineSubject& subject, const LogSelectors& selectors) {
  if (selectors.has(LogSelector::sender_on_delivery)) {
    append_field(line, " F=<", "sender", subject.sender);
    line.text += '>';
  }
  if (selectors.has(LogSelector::return_path_on_delivery)) {
    append_field(line, " P=<", "return_path", subject.return_path);
    line.text += '>';
  }
}

void append_drivers(LogLine& line, const LineSubject& subject) {
  if (!subject.router.empty()) line.field(" R=", "router", subject.router);
  if (!subject.transport.empty()) line.field(" T=", "transport", subject.transport);
}

LogLine begin_line(const LineSubject& subject, std::string_view event, std::string_view mark) {
  LogLine line;
  line.event = event;
  line.field("", "id", subject.id);
  line.text.append(" ").append(mark).append(" ");
  const std::size_t at = subject.address.rfind('@');
  if (subject.local_style && at != subject.address.npos) {
    append_printable(line.text, subject.address.substr(0, at));
    append_field(line, " <", "recipient", subject.address);
    line.text += '>';
  } else {
    append_field(line, "", "recipient", subject.address);
  }
  return line;
}

void append_time(LogLine& line, std::string_view tag, std::string_view name, std::int64_t us, const LogSelectors& selectors) {
  line.text += tag;
  const std::size_t from = line.text.size();
  log::append_time_taken(line.text, us, selectors.has(LogSelector::millisec));
  line.mark(name, from);
}

void append_confirmation(LogLine& line, std::string_view confirmation) {
  line.text += " C=\"";
  const std::size_t from = line.text.size();
  for (const char c : confirmation.substr(0, kConfirmationMax)) {
    if (c == '"' || c == '\\') line.text += '\\';
    line.text += c;
  }
  line.mark("confirmation", from);
  line.text += '"';
}

std::string kernel_words(int os_errno) { return std::strerror(os_errno); }

}  // namespace

LogLine delivered_line(const LineSubject& subject, const Delivered& delivered, bool is_first, const LineTimes& times,
                       const LogSelectors& selectors) {
  LogLine line = begin_line(subject, "delivered", is_first ? "=>" : "->");
  append_sender(line, subject, selectors);
  append_drivers(line, subject);
  if (selectors.has(LogSelector::delivery_size)) line.field(" S=", "size", std::to_string(delivered.bytes));
  if (delivered.host != nullptr) {
    append_known_host(line, *delivered.host, selectors);
    if (delivered.pipelined && selectors.has(LogSelector::pipelining)) line.text += " L";
    if (delivered.chunked) line.text += " K";
    if (selectors.has(LogSelector::smtp_confirmation)) append_confirmation(line, delivered.confirmation);
  }
  if (selectors.has(LogSelector::queue_time)) append_time(line, " QT=", "queue_time", times.in_queue_us, selectors);
  if (selectors.has(LogSelector::deliver_time)) append_time(line, " DT=", "deliver_time", times.delivering_us, selectors);
  return line;
}

std::optional<LogLine> deferred_line(const LineSubject& subject, const Problem& problem, const LogSelectors& selectors) {
  if (problem.kind == ProblemKind::host_resting && !selectors.has(LogSelector::retry_defer)) return std::nullopt;
  LogLine line = begin_line(subject, "deferred", "==");
  append_drivers(line, subject);
  if (subject.router.empty()) line.text += " routing";
  line.field(" defer (", "error", std::to_string(defer_number(problem)));
  line.text += ')';
  if (problem.os_errno != 0) line.text += ": " + kernel_words(problem.os_errno);
  // A host that could not be reached has a line of its own.
  const bool host_answered = problem.host && !problem.text.empty();
  if (host_answered) append_known_host(line, *problem.host, selectors);
  if (!problem.text.empty()) line.field(": ", "reason", problem.text);
  return line;
}

LogLine failed_line(const LineSubject& subject, const Problem& problem, const LogSelectors& selectors) {
  LogLine line = begin_line(subject, "failed", "**");
  append_sender(line, subject, selectors);
  append_drivers(line, subject);
  if (problem.host && !problem.text.empty()) append_known_host(line, *problem.host, selectors);
  if (!problem.text.empty()) line.field(": ", "reason", problem.text);
  return line;
}

LogLine host_line(std::string_view id, const HostSeen& host, const Problem& problem, const LogSelectors& selectors) {
  LogLine line;
  line.event = "host_failed";
  line.field("", "id", id);
  append_host(line, host, selectors);
  if (problem.text.empty()) {
    line.field(" ", "reason", kernel_words(problem.os_errno));
    return line;
  }
  line.field(": ", "reason", problem.text);
  if (problem.os_errno != 0) line.text += ": " + kernel_words(problem.os_errno);
  return line;
}

LogLine bounce_line(std::string_view id, std::string_view returned_id, std::string_view user, std::uint64_t bytes,
                    std::string_view target, const LogSelectors& selectors) {
  LogLine line;
  line.event = "arrival";
  line.field("", "id", id);
  line.field(" <= ", "sender", "<>");
  line.field(" R=", "bounce_of", returned_id);
  line.field(" U=", "user", user);
  line.field(" P=", "protocol", "local");
  line.field(" S=", "size", std::to_string(bytes));
  if (selectors.has(LogSelector::received_sender)) line.text += " from <>";
  if (selectors.has(LogSelector::received_recipients)) append_field(line, " for ", "recipients", target);
  return line;
}

LogLine completed_line(std::string_view id, std::int64_t in_queue_us, const LogSelectors& selectors) {
  LogLine line;
  line.event = "completed";
  line.field("", "id", id);
  line.text += " Completed";
  if (selectors.has(LogSelector::queue_time_overall)) append_time(line, " QT=", "queue_time", in_queue_us, selectors);
  return line;
}

}  // namespace postern::delivery
