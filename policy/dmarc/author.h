// The Author Domain: what From: says, RFC 7489 section 6.6.1.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dmarc {

inline constexpr std::size_t kAuthorDomainsMax = 16;
inline constexpr std::size_t kAuthorAddressesMax = 256;
inline constexpr std::size_t kFromBytesMax = 64UL * 1024;  // of all From: fields

struct Author {
  // As plain_domain() makes them, each once, in the order of the fields. With several each is judged, and the strictest policy
  // among those that fail holds; so it is with several From: fields, though RFC 5322 section 3.6 allows one.
  std::vector<std::string> domains;
  // Why there is none, in our words: "no From: field". Empty otherwise.
  std::string problem;
};

// Reads the values of all From: fields, folds included. There is no domain when an address is malformed, when none has a domain
// that the DNS could hold (an address literal is none), or beyond the bounds: what people are shown is then anybody's guess.
// Addresses without a domain beside such with one are passed over. Pure.
[[nodiscard]] Author read_author(std::span<const std::string_view> fields);

}  // namespace postern::dmarc
