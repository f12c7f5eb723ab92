// What a proxy says, before anything else, of the connection that it passes on: the PROXY protocol of haproxy.org, versions 1
// (a line of text) and 2 (binary). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"

namespace postern::proxy {

// Which connection the bytes behind a header belong to.
enum class Subject : std::uint8_t {
  client,  // one that the proxy passes on
  proxy,   // the proxy's own (LOCAL: health checks), or one whose ends it cannot tell (UNKNOWN, UNSPEC, UNIX sockets)
};

struct Header {
  Subject subject = Subject::proxy;
  SocketAddress client;   // the source; set for a client, as is the next
  SocketAddress target;   // where the client connected to: the proxy's outer side
  std::string unique_id;  // PP2_TYPE_UNIQUE_ID, the peer's bytes; at most kUniqueIdBytesMax

  friend bool operator==(const Header&, const Header&) = default;
};

inline constexpr std::size_t kLineBytesMax = 107;  // version 1, with CR LF
inline constexpr std::size_t kTlvBytesMax = 4096;  // version 2: of all TLVs together
inline constexpr std::size_t kUniqueIdBytesMax = 128;
// Version 2: the fixed part, the longest addresses (of UNIX sockets) and the TLVs.
inline constexpr std::size_t kHeaderBytesMax = 16 + 216 + kTlvBytesMax;

enum class ParseStatus : std::uint8_t {
  incomplete,  // so far so good
  complete,
  no_header,  // it does not begin like one
  malformed,  // it begins like one
};

struct ParseStep {
  ParseStatus status;
  // complete: how long the header is. malformed: how many bytes belong to it, as far as one can tell. Never more than there
  // are.
  std::size_t bytes = 0;
  std::string_view why = {};  // malformed: what is wrong; lives as long as the program
};

// The header at the beginning of `bytes`, which may go on behind it. `header` is filled when it is complete. A checksum
// (PP2_TYPE_CRC32C) is checked where there is one; other TLVs but the unique id are stepped over, their lengths checked.
[[nodiscard]] ParseStep parse_header(std::string_view bytes, Header& header);

}  // namespace postern::proxy
