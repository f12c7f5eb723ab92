#include "bench/load/proxy_header.h"

#include <array>
#include <string_view>

#include "engine/base/check.h"

namespace postern::load {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kVersion2Proxy = 0x21;
constexpr char kTcpOverIpv4 = 0x11;
constexpr char kTcpOverIpv6 = 0x21;

void append_be16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void append_address(std::string& out, const IpAddress& address) {
  out.append(reinterpret_cast<const char*>(address.bytes().data()), address.bits() / 8);
}

}  // namespace

std::string proxy_header_v1(SocketAddress client, SocketAddress server) {
  POSTERN_CHECK(client.address.is_v6() == server.address.is_v6());
  return std::string("PROXY ") + (client.address.is_v6() ? "TCP6 " : "TCP4 ") + client.address.to_string() + ' ' +
         server.address.to_string() + ' ' + std::to_string(client.port) + ' ' + std::to_string(server.port) + "\r\n";
}

std::string proxy_header_v2(SocketAddress client, SocketAddress server) {
  POSTERN_CHECK(client.address.is_v6() == server.address.is_v6());
  std::string header(kSignature);
  header += kVersion2Proxy;
  header += client.address.is_v6() ? kTcpOverIpv6 : kTcpOverIpv4;
  append_be16(header, std::size_t{2} * (client.address.bits() / 8) + 4);
  append_address(header, client.address);
  append_address(header, server.address);
  append_be16(header, client.port);
  append_be16(header, server.port);
  return header;
}

IpAddress random_address(const IpNetwork& network, Random& random) {
  std::array<std::uint8_t, 16> bytes = network.address.bytes();
  for (unsigned bit = network.prefix_bits; bit < network.address.bits(); ++bit)
    if (random.below(2) != 0) bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
  if (network.address.is_v6()) return IpAddress::v6(bytes);
  return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
                       static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

}  // namespace postern::load
