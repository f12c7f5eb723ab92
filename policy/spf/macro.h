// Macro strings, RFC 7208 section 7: the syntax of domain names in records, of unknown modifiers and of explanations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"

namespace postern::spf {

inline constexpr std::size_t kExpansionBytesMax = 1024;  // of one macro string

// Where a macro string stands decides what it may hold (RFC 7208 section 7.1).
enum class MacroPlace : std::uint8_t {
  domain_spec,  // ends in a top label or a macro; without the letters c, r and t
  modifier,     // of an unknown name
  explanation,  // with spaces
};
[[nodiscard]] bool is_macro_string(std::string_view text, MacroPlace place) noexcept;

// True when a macro string that was found good has the letter p, whose value must be asked for.
[[nodiscard]] bool asks_for_name_of_client(std::string_view text) noexcept;

// The values of the letters; borrowed, bytes as the peer sent them.
struct MacroValues {
  IpAddress client;                 // i, c, v
  std::string_view local_part;      // l
  std::string_view sender_domain;   // o
  std::string_view domain;          // d
  std::string_view helo;            // h
  std::string_view receiver;        // r
  std::string_view name_of_client;  // p
  std::int64_t unix_s = 0;          // t
};
// Expands a macro string that was found good. Of more than kExpansionBytesMax bytes the first are kept in an explanation, the
// last elsewhere: a domain's right end is what counts.
[[nodiscard]] std::string expand(std::string_view text, const MacroValues& values, MacroPlace place);

// An expanded domain as the DNS is asked for it, as text of net/dns/names.h: without the dot at the end, and with labels taken
// away from the left until it has at most 253 characters (RFC 7208 section 7.3). Nothing when it is no domain name.
[[nodiscard]] std::optional<std::string> name_to_ask(std::string_view domain);

}  // namespace postern::spf
