// The record, RFC 7208 sections 4.5, 4.6.1 and 12: read whole before any of it is evaluated, so that an error anywhere counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/spf/result.h"

namespace postern::spf {

inline constexpr std::size_t kRecordBytesMax = 16UL * 1024;
inline constexpr std::size_t kTermsMax = 10;  // that ask the DNS, of one check (RFC 7208 section 4.6.4)

enum class Mechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

// Texts are borrowed from the record's.
struct Directive {
  Mechanism mechanism = Mechanism::all;
  Result result = Result::pass;  // pass, fail, softfail or neutral
  std::uint8_t ip4_bits = 32;
  std::uint8_t ip6_bits = 128;
  IpAddress address;             // of ip4 and ip6
  std::string_view domain_spec;  // empty: the current domain
  std::string_view text;         // the whole term, as written

  // RFC 7208 section 4.6.4
  [[nodiscard]] bool asks_dns() const noexcept {
    return mechanism != Mechanism::all && mechanism != Mechanism::ip4 && mechanism != Mechanism::ip6;
  }
};

// Directives behind the first `all`, and behind more that ask the DNS than a check may have, are looked at but not kept:
// evaluation never comes to them.
struct Record {
  std::vector<Directive> directives;
  std::string_view redirect;     // domain-spec; empty when there is none
  std::string_view explanation;  // domain-spec of exp=
};

struct RecordError {
  std::string message;  // "the term ... is no mechanism", for people; the peer's bytes are printable
};

// True for "v=spf1", letters of either case, alone or with a space behind it (RFC 7208 section 4.5).
[[nodiscard]] bool is_record(std::string_view text) noexcept;
// Nothing, and `error`, for a record with an error anywhere. `text` outlives the record.
[[nodiscard]] std::optional<Record> read_record(std::string_view text, RecordError& error);

}  // namespace postern::spf
