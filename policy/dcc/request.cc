#include "policy/dcc/request.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace postern::dcc {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::array<std::string_view, 10> kKnownOptions{"header",   "cksums",     "log",       "spam",     "query",
                                                         "grey-off", "grey-query", "no-reject", "rcvd-nxt", "rcvd-next"};
constexpr std::string_view kOlderGreyOff = "no-grey";
constexpr std::string_view kEmptyLine = "\r\n";

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Takes one word off the front; empty at the end.
std::string_view next_word(std::string_view& text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

bool is_known_option(std::string_view word) noexcept {
  return word == kOlderGreyOff || std::ranges::find(kKnownOptions, word) != kKnownOptions.end();
}

void append_field(std::string& out, std::string_view field) {
  for (const char c : field) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
}

void append_line(std::string& out, std::string_view field) {
  append_field(out, field);
  out.push_back('\n');
}

// The field that is too long, by name; empty when none is.
std::string_view too_long_field(const Request& request) noexcept {
  if (request.options.size() > kFieldBytesMax) return "dccifd_options";
  if (request.client_name.size() > kFieldBytesMax) return "the client's name";
  if (request.helo.size() > kFieldBytesMax) return "the HELO name";
  if (request.sender.size() > kFieldBytesMax) return "the sender";
  for (const PeerText& recipient : request.recipients)
    if (recipient.size() > kFieldBytesMax) return "a recipient";
  return {};
}

}  // namespace

std::string DaemonAddress::name() const { return socket_path.empty() ? address.to_string() : socket_path; }

std::expected<DaemonAddress, std::string> parse_daemon_address(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('/')) {
    if (text.size() > kSocketPathBytesMax)
      return std::unexpected("dccifd_address: the path of a socket has at most " + std::to_string(kSocketPathBytesMax) +
                             " bytes");
    if (text.contains('\0')) return std::unexpected("dccifd_address: a path holds no NUL");
    return DaemonAddress{.socket_path = std::string(text), .address = {}};
  }
  std::string_view rest = text;
  const std::string_view host = next_word(rest);
  const std::string_view port_text = next_word(rest);
  const std::optional<IpAddress> address = IpAddress::parse(host);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  const bool is_port = error == std::errc() && end == port_text.data() + port_text.size() && port != 0;
  if (!address || !is_port || !trimmed(rest).empty())
    return std::unexpected("dccifd_address: \"" + printable(text, 100) +
                           "\": wanted is the path of a socket, or an IP address, a blank and a port");
  return DaemonAddress{.socket_path = {}, .address = {*address, port}};
}

std::expected<std::string, std::string> parse_options(std::string_view text) {
  std::string options;
  while (true) {
    const std::string_view word = next_word(text);
    if (word.empty()) break;
    if (word == "body")
      return std::unexpected(
          "dccifd_options: body makes the daemon send the message back, which nothing here reads: use header");
    if (!is_known_option(word)) {
      std::string known;
      for (const std::string_view option : kKnownOptions) known.append(" ").append(option);
      return std::unexpected("dccifd_options: \"" + printable(word, 100) + "\" is none of" + known);
    }
    if (!options.empty()) options.push_back(' ');
    options.append(word);
    if (options.size() > kFieldBytesMax) return std::unexpected("dccifd_options: too long");
  }
  return options;
}

std::expected<IpAddress, std::string> parse_client_override(std::string_view text) {
  if (const std::optional<IpAddress> address = IpAddress::parse(trimmed(text))) return *address;
  return std::unexpected("acl_m_dcc_override_client_ip: \"" + printable(text, 100) + "\" is no IP address");
}

std::expected<std::string, std::string> format_envelope(const Request& request) {
  if (const std::string_view field = too_long_field(request); !field.empty())
    return std::unexpected(std::string(field) + " is too long for dccifd");
  std::string text;
  append_line(text, request.options);
  text += request.client ? request.client->to_string() : "127.0.0.1";
  if (!request.client_name.empty()) {
    text.push_back('\r');
    append_field(text, request.client_name.view());
  }
  text.push_back('\n');
  append_line(text, request.helo.view());
  append_line(text, request.sender.empty() ? std::string_view("<>") : request.sender.view());
  for (const PeerText& recipient : request.recipients) {
    if (recipient.empty()) return std::unexpected("a recipient is empty");
    append_line(text, recipient.view());
    if (text.size() > kEnvelopeBytesMax) return std::unexpected("there are too many recipients for dccifd");
  }
  text.push_back('\n');
  return text;
}

std::string_view end_of_header(std::string_view header) noexcept {
  const bool has_it = header == "\r\n" || header == "\n" || header.ends_with("\n\r\n") || header.ends_with("\n\n");
  return has_it ? std::string_view() : kEmptyLine;
}

}  // namespace postern::dcc
