// IP addresses, networks and socket addresses, without the C library's structures in other people's headers.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace postern::inline base {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses (::ffff:a.b.c.d) are folded to IPv4 by parse() and from_sockaddr().
class IpAddress {
 public:
  // 0.0.0.0
  constexpr IpAddress() = default;

  [[nodiscard]] static constexpr IpAddress v4(std::uint32_t host_order) noexcept {
    IpAddress a;
    for (unsigned i = 0; i < 4; ++i) a.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    return a;
  }
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept;
  // The IPv4 address that `bytes` map, or else the IPv6 address that they are.
  [[nodiscard]] static IpAddress fold_mapped(const std::array<std::uint8_t, 16>& bytes) noexcept;
  // Text forms of RFC 4291 section 2.2 and dotted quads; no brackets, no zone, no port.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr bool is_v4() const noexcept { return !v6_; }
  [[nodiscard]] constexpr bool is_v6() const noexcept { return v6_; }
  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] bool is_unspecified() const noexcept;
  [[nodiscard]] constexpr unsigned bits() const noexcept { return v6_ ? 128 : 32; }
  // Network order; the first four bytes for IPv4.
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }

  // This address with all but the first `prefix_bits` bits zero.
  [[nodiscard]] IpAddress masked(unsigned prefix_bits) const noexcept;
  // True when both are of one family and agree in the first `prefix_bits` bits (at most bits(), checked).
  [[nodiscard]] bool shares_prefix(const IpAddress& other, unsigned prefix_bits) const noexcept;

  // "192.0.2.1", "2001:db8::1" (RFC 5952).
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

struct IpNetwork {
  IpAddress address;  // masked
  unsigned prefix_bits = 0;

  // "192.0.2.0/24", "2001:db8::/32", or an address alone. Bits beyond the prefix are ignored, as Exim does.
  // "::ffff:192.0.2.0/120" is 192.0.2.0/24; a shorter prefix than 96 of a mapped address is refused.
  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text) noexcept;
  [[nodiscard]] bool contains(const IpAddress& a) const noexcept { return address.shares_prefix(a, prefix_bits); }
};

struct SocketAddress {
  IpAddress address;
  std::uint16_t port = 0;

  // The address behind a kernel structure; nothing for families other than AF_INET and AF_INET6.
  [[nodiscard]] static std::optional<SocketAddress> from_sockaddr(const sockaddr* from) noexcept;
  // Fills `to` and returns the length that bind() and connect() want.
  unsigned to_sockaddr(sockaddr_storage& to) const noexcept;
  // "[192.0.2.1]:25", Exim's form, for IPv4 too.
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

}  // namespace postern::inline base
