#include "appliance/delivery/log_lines.h"

#include <fmt/format.h>

#include <cstring>

#include "appliance/delivery/transports/problem.h"
#include "engine/base/peer_text.h"

namespace postern::delivery {

namespace {

constexpr std::size_t kConfirmationMax = 1024;

std::string host_text(const HostSeen& host, const config::LogSelectors& selectors) {
  const SocketAddress& address = host.hop.address;
  std::string text = fmt::format("H={} [{}]", printable(host.name), address.address.to_string());
  if (selectors.has("outgoing_port")) text += fmt::format(":{}", address.port);
  return text;
}

void append_host(std::string& line, const HostSeen& host, const config::LogSelectors& selectors) {
  if (host.hop.is_socket()) return;
  line += ' ';
  line += host_text(host, selectors);
  if (host.reused) line += '*';
}

void append_drivers(std::string& line, const LineSubject& subject) {
  if (!subject.router.empty()) line.append(" R=").append(subject.router);
  if (!subject.transport.empty()) line.append(" T=").append(subject.transport);
}

std::string begin_line(const LineSubject& subject, std::string_view mark) {
  return fmt::format("{} {} {}", subject.id, mark, printable(subject.address));
}

std::string kernel_words(int os_errno) { return std::strerror(os_errno); }

}  // namespace

std::string delivered_line(const LineSubject& subject, const Delivered& delivered, bool is_first,
                           const config::LogSelectors& selectors) {
  const std::string_view mark = is_first ? "=>" : "->";
  const std::size_t at = subject.address.rfind('@');
  std::string line;
  if (subject.local_style && at != subject.address.npos)
    line = fmt::format("{} {} {} <{}>", subject.id, mark, printable(subject.address.substr(0, at)), printable(subject.address));
  else
    line = begin_line(subject, mark);
  append_drivers(line, subject);
  if (delivered.host == nullptr) return line;
  append_host(line, *delivered.host, selectors);
  if (delivered.chunked) line += " K";
  if (!selectors.has("smtp_confirmation")) return line;
  line += " C=\"";
  for (const char c : delivered.confirmation.substr(0, kConfirmationMax)) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
  return line;
}

std::string deferred_line(const LineSubject& subject, const Problem& problem, const config::LogSelectors& selectors) {
  std::string line = begin_line(subject, "==");
  append_drivers(line, subject);
  if (subject.router.empty()) line += " routing";
  line += fmt::format(" defer ({})", defer_number(problem));
  if (problem.os_errno != 0) line += ": " + kernel_words(problem.os_errno);
  // A host that could not be reached has a line of its own.
  const bool host_answered = problem.host && !problem.text.empty();
  if (host_answered) append_host(line, *problem.host, selectors);
  if (!problem.text.empty()) line += ": " + problem.text;
  return line;
}

std::string failed_line(const LineSubject& subject, const Problem& problem, const config::LogSelectors& selectors) {
  std::string line = begin_line(subject, "**");
  append_drivers(line, subject);
  if (problem.host && !problem.text.empty()) append_host(line, *problem.host, selectors);
  if (!problem.text.empty()) line += ": " + problem.text;
  return line;
}

std::string host_line(std::string_view id, const HostSeen& host, const Problem& problem,
                      const config::LogSelectors& selectors) {
  std::string line = fmt::format("{} {}", id, host_text(host, selectors));
  if (problem.text.empty()) return line + " " + kernel_words(problem.os_errno);
  line += ": " + problem.text;
  if (problem.os_errno != 0) line += ": " + kernel_words(problem.os_errno);
  return line;
}

std::string bounce_line(std::string_view id, std::string_view returned_id, std::string_view user, std::uint64_t bytes) {
  return fmt::format("{} <= <> R={} U={} P=local S={}", id, returned_id, user, bytes);
}

}  // namespace postern::delivery
