// Writing PROXY headers of both versions, right ones and such as want to be wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/crc32c.h"
#include "net/proxy/header.h"

namespace postern::proxy {

inline constexpr std::uint8_t kProxyCommand = 0x21;
inline constexpr std::uint8_t kLocalCommand = 0x20;

inline void append_be16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

inline std::string tlv(std::uint8_t type, std::string_view value) {
  std::string out(1, static_cast<char>(type));
  append_be16(out, value.size());
  return out.append(value);
}

// Addresses and ports as version 2 writes them.
inline std::string ends_of(const SocketAddress& client, const SocketAddress& target) {
  std::string out;
  for (const SocketAddress* end : {&client, &target})
    out.append(reinterpret_cast<const char*>(end->address.bytes().data()), end->address.bits() / 8);
  append_be16(out, client.port);
  append_be16(out, target.port);
  return out;
}

// A header of version 2 around `block`, whatever that is.
inline std::string version_2(std::uint8_t command, std::uint8_t family, std::string_view block) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  append_be16(out, block.size());
  return out.append(block);
}

inline std::string version_2(const SocketAddress& client, const SocketAddress& target, std::string_view tlvs = {}) {
  return version_2(kProxyCommand, client.address.is_v6() ? 0x21 : 0x11, ends_of(client, target).append(tlvs));
}

inline std::string version_1(const SocketAddress& client, const SocketAddress& target) {
  return std::string("PROXY ") + (client.address.is_v6() ? "TCP6 " : "TCP4 ") + client.address.to_string() + ' ' +
         target.address.to_string() + ' ' + std::to_string(client.port) + ' ' + std::to_string(target.port) + "\r\n";
}

// The same header with a right checksum behind its other TLVs.
inline std::string with_checksum(std::string header) {
  header += tlv(0x03, std::string(4, '\0'));
  const std::size_t block = header.size() - 16;
  header[14] = static_cast<char>(block >> 8);
  header[15] = static_cast<char>(block & 0xff);
  const std::uint32_t sum = crc32c_portable(0, std::as_bytes(std::span(header)));
  for (unsigned i = 0; i < 4; ++i) header[header.size() - 4 + i] = static_cast<char>(sum >> (24 - 8 * i) & 0xff);
  return header;
}

}  // namespace postern::proxy
