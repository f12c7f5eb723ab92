// "PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"
#include <charconv>
#include <optional>

#include "net/proxy/versions.h"

namespace postern::proxy {
namespace {

// Takes what stands before the next blank, or all that is left, and the blank.
std::string_view take_word(std::string_view& text) {
  const std::size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(blank == text.npos ? text.size() : blank + 1);
  return word;
}

std::optional<IpAddress> read_address(std::string_view word, bool is_v6) {
  if (word.contains(':') != is_v6) return std::nullopt;
  return IpAddress::parse(word);
}

// 1 to 65535, without leading zeros.
std::optional<std::uint16_t> read_port(std::string_view word) {
  if (word.empty() || word.front() < '1' || word.front() > '9') return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return port;
}

// Why the line is none; empty when it is one. `line` is without mark and line end.
std::string_view read_line(std::string_view line, Header& header) {
  std::string_view rest = line;
  const std::string_view protocol = take_word(rest);
  // What follows is to be ignored.
  if (protocol == "UNKNOWN") return {};
  if (protocol != "TCP4" && protocol != "TCP6") return "unknown protocol";
  if (line.ends_with(' ')) return "too many words";
  const bool is_v6 = protocol == "TCP6";
  const auto client = read_address(take_word(rest), is_v6);
  if (!client) return "bad source address";
  const auto target = read_address(take_word(rest), is_v6);
  if (!target) return "bad destination address";
  const auto client_port = read_port(take_word(rest));
  if (!client_port) return "bad source port";
  const auto target_port = read_port(take_word(rest));
  if (!target_port) return "bad destination port";
  if (!rest.empty()) return "too many words";
  header.subject = Subject::client;
  header.client = {*client, *client_port};
  header.target = {*target, *target_port};
  return {};
}

}  // namespace

ParseStep parse_version_1(std::string_view bytes, Header& header) {
  const std::string_view view = bytes.substr(0, kLineBytesMax);
  const std::size_t end = view.find_first_of(std::string_view("\r\n\0", 3));
  if (end == view.npos) {
    if (view.size() < kLineBytesMax) return {ParseStatus::incomplete};
    return {ParseStatus::malformed, view.size(), "the line is too long"};
  }
  if (view[end] != '\r') return {ParseStatus::malformed, end + 1, "the line does not end with CR LF"};
  if (end + 1 == view.size()) {
    if (view.size() < kLineBytesMax) return {ParseStatus::incomplete};
    return {ParseStatus::malformed, view.size(), "the line is too long"};
  }
  if (view[end + 1] != '\n') return {ParseStatus::malformed, end + 1, "the line does not end with CR LF"};
  header = {};
  const std::string_view why = read_line(view.substr(kMark1.size(), end - kMark1.size()), header);
  return {why.empty() ? ParseStatus::complete : ParseStatus::malformed, end + 2, why};
}

}  // namespace postern::proxy
