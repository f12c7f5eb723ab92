// What DKIM's and ARC's signature fields have in common: the values of a=, c=, h=, d= and s= (RFC 6376 section 3.5, RFC 8617
// section 4.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/crypto/digest.h"
#include "policy/crypto/signature.h"
#include "policy/message/canonical.h"

namespace postern::message {

struct Algorithm {
  crypto::KeyType key = crypto::KeyType::rsa;
  crypto::Hash hash = crypto::Hash::sha256;
  friend bool operator==(const Algorithm&, const Algorithm&) = default;
};
// "rsa-sha256" and its kin. Nothing for words that we do not know.
[[nodiscard]] std::optional<Algorithm> read_algorithm(std::string_view text);
[[nodiscard]] std::string to_string(Algorithm algorithm);
[[nodiscard]] std::string_view to_string(crypto::KeyType type) noexcept;
// "sha1", "sha256", "sha512"; others have no word here.
[[nodiscard]] std::optional<crypto::Hash> read_hash(std::string_view word);
[[nodiscard]] std::string_view hash_word(crypto::Hash hash) noexcept;

struct Canonicalization {
  Canon header = Canon::simple;
  Canon body = Canon::simple;
  friend bool operator==(const Canonicalization&, const Canonicalization&) = default;
};
// "relaxed/simple"; one word is the header's, and the body is simple.
[[nodiscard]] std::optional<Canonicalization> read_canonicalization(std::string_view text);

inline constexpr std::size_t kSignedNamesMax = 1000;
// "From:To:Subject", blanks around the colons or not. Nothing when a name cannot be one, or there are more than
// kSignedNamesMax.
[[nodiscard]] std::optional<std::vector<PeerText>> read_field_names(std::string_view text);

// Letters, digits, hyphens and underscores in labels: what may stand in d= and s=. An internationalised domain stands there as
// A-labels (RFC 8616 section 5).
[[nodiscard]] bool is_signing_name(std::string_view text) noexcept;
// True when both are equal or `domain` lies below `parent`.
[[nodiscard]] bool is_same_or_below(std::string_view domain, std::string_view parent) noexcept;

// Digits only; what does not fit is the largest number.
[[nodiscard]] std::optional<std::uint64_t> read_number(std::string_view text);

}  // namespace postern::message
