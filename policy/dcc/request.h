// What dccifd is told in front of a message, and where it is: pure texts.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"

namespace postern::dcc {

inline constexpr std::string_view kDefaultOptions = "header";
inline constexpr std::size_t kSocketPathBytesMax = 107;  // what the kernel takes
inline constexpr std::size_t kFieldBytesMax = 4096;      // of one line in front of the message
inline constexpr std::size_t kEnvelopeBytesMax = std::size_t{4} * 1024 * 1024;

// Where the daemon listens.
struct DaemonAddress {
  std::string socket_path;  // of a UNIX socket; empty: over TCP
  SocketAddress address;

  // For logs.
  [[nodiscard]] std::string name() const;
};

// `dccifd_address`: "/usr/local/dcc/var/dccifd", or "127.0.0.1 1025", "::1 1025". The error says what is wanted instead.
[[nodiscard]] std::expected<DaemonAddress, std::string> parse_daemon_address(std::string_view text);

// `dccifd_options`: words of the daemon, separated by white space, which come back separated by single blanks. Refused: words
// that the daemon does not know (it would hang up), and `body`, which asks for the message back.
[[nodiscard]] std::expected<std::string, std::string> parse_options(std::string_view text);

// `$acl_m_dcc_override_client_ip`: an address, with blanks around it.
[[nodiscard]] std::expected<IpAddress, std::string> parse_client_override(std::string_view text);

// One message's envelope. All members are owned.
struct Request {
  std::string options{kDefaultOptions};  // as parse_options() gives them
  std::optional<IpAddress> client;       // nothing: the message was made here, and 127.0.0.1 is said
  PeerText client_name;                  // empty: not known, or not that of `client`
  PeerText helo;                         // bare
  PeerText sender;                       // empty: the null sender
  std::vector<PeerText> recipients;      // none: the daemon takes it for a query, and counts nothing
};

// The lines in front of the message, the empty one included. Control characters in a field become '?', so that none of them
// begins a line or says more than it should. Error: a field or the whole is too long.
[[nodiscard]] std::expected<std::string, std::string> format_envelope(const Request& request);

// What has to stand between a header block, as it came, and the body: an empty line, when the message ended without one.
[[nodiscard]] std::string_view end_of_header(std::string_view header) noexcept;

}  // namespace postern::dcc
