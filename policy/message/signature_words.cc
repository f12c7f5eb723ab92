#include "policy/message/signature_words.h"

#include <algorithm>
#include <limits>

#include "engine/smtp/chars.h"
#include "policy/message/tag_list.h"

namespace postern::message {

namespace {

using smtp::CharClass;
using smtp::equal_ignoring_case;

constexpr std::size_t kNameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

std::optional<crypto::KeyType> read_key_type(std::string_view word) {
  if (equal_ignoring_case(word, "rsa")) return crypto::KeyType::rsa;
  if (equal_ignoring_case(word, "ed25519")) return crypto::KeyType::ed25519;
  return std::nullopt;
}

std::optional<Canon> read_canon(std::string_view word) {
  if (equal_ignoring_case(word, "simple")) return Canon::simple;
  if (equal_ignoring_case(word, "relaxed")) return Canon::relaxed;
  return std::nullopt;
}

// ftext of RFC 5322 section 3.6.8.
bool is_field_name(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

bool is_label(std::string_view label) noexcept {
  return !label.empty() && label.size() <= kLabelBytesMax &&
         std::ranges::all_of(label, [](char c) { return smtp::is(CharClass::ldh, c) || c == '_'; });
}

}  // namespace

std::optional<Algorithm> read_algorithm(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == text.npos) return std::nullopt;
  const std::optional<crypto::KeyType> key = read_key_type(text.substr(0, hyphen));
  const std::optional<crypto::Hash> hash = read_hash(text.substr(hyphen + 1));
  if (!key || !hash) return std::nullopt;
  return Algorithm{*key, *hash};
}

std::string to_string(Algorithm algorithm) {
  return std::string(to_string(algorithm.key)) + '-' + std::string(hash_word(algorithm.hash));
}

std::string_view to_string(crypto::KeyType type) noexcept { return type == crypto::KeyType::rsa ? "rsa" : "ed25519"; }

std::optional<crypto::Hash> read_hash(std::string_view word) {
  for (const crypto::Hash hash : {crypto::Hash::sha1, crypto::Hash::sha256, crypto::Hash::sha512})
    if (equal_ignoring_case(word, hash_word(hash))) return hash;
  return std::nullopt;
}

std::string_view hash_word(crypto::Hash hash) noexcept {
  switch (hash) {
    case crypto::Hash::sha1: return "sha1";
    case crypto::Hash::sha256: return "sha256";
    case crypto::Hash::sha512: return "sha512";
    default: return "";
  }
}

std::optional<Canonicalization> read_canonicalization(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<Canon> header = read_canon(text.substr(0, slash));
  const std::optional<Canon> body = slash == text.npos ? Canon::simple : read_canon(text.substr(slash + 1));
  if (!header || !body) return std::nullopt;
  return Canonicalization{*header, *body};
}

std::optional<std::vector<PeerText>> read_field_names(std::string_view text) {
  std::vector<PeerText> names;
  for (bool more = true; more;) {
    const std::string_view name = next_item(text, ':', more);
    if (!is_field_name(name) || names.size() == kSignedNamesMax) return std::nullopt;
    names.emplace_back(name);
  }
  return names;
}

bool is_signing_name(std::string_view text) noexcept {
  if (text.size() > kNameBytesMax) return false;
  for (bool more = true; more;) {
    const std::size_t dot = text.find('.');
    more = dot != text.npos;
    if (!is_label(text.substr(0, dot))) return false;
    text.remove_prefix(more ? dot + 1 : text.size());
  }
  return true;
}

bool is_same_or_below(std::string_view domain, std::string_view parent) noexcept {
  if (domain.size() < parent.size()) return false;
  const std::size_t more = domain.size() - parent.size();
  return equal_ignoring_case(domain.substr(more), parent) && (more == 0 || domain[more - 1] == '.');
}

std::optional<std::uint64_t> read_number(std::string_view text) {
  if (text.empty() || !smtp::all_of(CharClass::digit, text)) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (__builtin_mul_overflow(number, std::uint64_t{10}, &number) ||
        __builtin_add_overflow(number, static_cast<std::uint64_t>(c - '0'), &number))
      return std::numeric_limits<std::uint64_t>::max();
  }
  return number;
}

}  // namespace postern::message
