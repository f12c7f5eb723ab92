#include "engine/base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/base/check.h"

namespace postern::inline base {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) noexcept {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

}  // namespace

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  IpAddress a;
  a.v6_ = true;
  a.bytes_ = bytes;
  return a;
}

IpAddress IpAddress::fold_mapped(const std::array<std::uint8_t, 16>& bytes) noexcept {
  if (!is_mapped(bytes)) return v6(bytes);
  std::uint32_t host = 0;
  for (std::size_t i = 12; i < 16; ++i) host = host << 8 | bytes[i];
  return v4(host);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (text.find(':') == text.npos) {
    in_addr raw{};
    if (::inet_pton(AF_INET, buffer, &raw) != 1) return std::nullopt;
    return v4(ntohl(raw.s_addr));
  }
  std::array<std::uint8_t, 16> raw{};
  if (::inet_pton(AF_INET6, buffer, raw.data()) != 1) return std::nullopt;
  return fold_mapped(raw);
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

IpAddress IpAddress::masked(unsigned prefix_bits) const noexcept {
  POSTERN_CHECK(prefix_bits <= bits());
  IpAddress out = *this;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = prefix_bits > i * 8 ? std::min(prefix_bits - i * 8, 8U) : 0;
    out.bytes_[i] = static_cast<std::uint8_t>(bytes_[i] & (0xff00U >> kept));
  }
  return out;
}

bool IpAddress::shares_prefix(const IpAddress& other, unsigned prefix_bits) const noexcept {
  if (v6_ != other.v6_) return false;
  POSTERN_CHECK(prefix_bits <= bits());
  const unsigned whole = prefix_bits / 8;
  if (std::memcmp(bytes_.data(), other.bytes_.data(), whole) != 0) return false;
  const unsigned rest = prefix_bits % 8;
  if (rest == 0) return true;
  return ((bytes_[whole] ^ other.bytes_[whole]) & (0xff00U >> rest) & 0xffU) == 0;
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN];
  POSTERN_CHECK(::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), buffer, sizeof buffer) != nullptr);
  return buffer;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const auto address = IpAddress::parse(address_text);
  if (!address) return std::nullopt;
  if (slash == text.npos) return IpNetwork{*address, address->bits()};
  const std::string_view digits = text.substr(slash + 1);
  unsigned prefix_bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix_bits);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  // The prefix of a mapped address counts from the IPv6 form it is written in.
  if (address->is_v4() && address_text.find(':') != address_text.npos) {
    if (prefix_bits < kMappedPrefix.size() * 8) return std::nullopt;
    prefix_bits -= kMappedPrefix.size() * 8;
  }
  if (prefix_bits > address->bits()) return std::nullopt;
  return IpNetwork{address->masked(prefix_bits), prefix_bits};
}

std::optional<SocketAddress> SocketAddress::from_sockaddr(const sockaddr* from) noexcept {
  if (from->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, from, sizeof in);
    return SocketAddress{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (from->sa_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, from, sizeof in6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return SocketAddress{IpAddress::fold_mapped(bytes), ntohs(in6.sin6_port)};
  }
  return std::nullopt;
}

unsigned SocketAddress::to_sockaddr(sockaddr_storage& to) const noexcept {
  std::memset(&to, 0, sizeof to);
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    std::memcpy(&to, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, address.bytes().data(), 16);
  std::memcpy(&to, &in6, sizeof in6);
  return sizeof in6;
}

std::string SocketAddress::to_string() const { return "[" + address.to_string() + "]:" + std::to_string(port); }

}  // namespace postern::inline base
