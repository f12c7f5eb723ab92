// What stands in a dnsdb lookup: "> : defer_strict,mx=one.example:two.example".
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::lookup {

inline constexpr std::size_t kDnsdbNamesMax = 100;  // of one lookup

enum class DnsdbType : std::uint8_t { a, aaaa, a_plus, cname, mx, mxh, ns, ptr, soa, spf, srv, tlsa, txt, zns };

struct DnsdbQuery {
  enum class Defer : std::uint8_t { strict, lax, never };
  enum class Dnssec : std::uint8_t { strict, lax, never };

  DnsdbType type = DnsdbType::txt;
  char separator = '\n';                       // between records
  std::optional<std::string> field_separator;  // between fields of one; empty: nothing
  Defer defer = Defer::lax;
  Dnssec dnssec = Dnssec::lax;
  std::optional<std::int64_t> retrans_ms;
  std::optional<unsigned> retry;
  std::vector<std::string> names;

  friend bool operator==(const DnsdbQuery&, const DnsdbQuery&) = default;
};

// The error is Exim's.
[[nodiscard]] std::expected<DnsdbQuery, std::string> parse_dnsdb_query(std::string_view text);

}  // namespace postern::lookup
