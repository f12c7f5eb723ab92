#include "policy/srs/srs.h"

#include <algorithm>

#include "engine/smtp/chars.h"
#include "policy/crypto/digest.h"

namespace postern::srs {

namespace {

constexpr std::string_view kPrefix = "SRS0=";
constexpr std::size_t kHashDigits = 4;
constexpr std::int64_t kDaysOfTwoDigits = 1024;  // after which the numbers of days begin anew
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";

std::string lower(std::string_view text) {
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(), [](char c) { return smtp::lower(c); });
  return folded;
}

// Of HMAC-MD5 over the address in lower case; empty when there is no MD5 on this machine.
std::string hash_of(std::string_view address, std::string_view secret) {
  crypto::Digest result;
  std::string hex;
  if (crypto::hmac(crypto::Hash::md5, secret, lower(address), result)) result.append_hex(hex);
  return hex.substr(0, kHashDigits);
}

std::optional<std::int64_t> day_of(std::string_view timestamp) {
  std::int64_t day = 0;
  for (const char c : timestamp) {
    const std::size_t digit = kBase32.find(c);
    if (digit == kBase32.npos) return std::nullopt;
    day = day * 32 + static_cast<std::int64_t>(digit);
  }
  return day;
}

// Quotes left out; what a backslash quotes stays quoted.
void append_without_quotes(std::string& out, std::string_view local_part) {
  for (std::size_t at = 0; at < local_part.size(); ++at) {
    if (local_part[at] == '"') continue;
    out.push_back(local_part[at]);
    if (local_part[at] == '\\' && at + 1 < local_part.size()) out.push_back(local_part[++at]);
  }
}

bool is_plain(char c) noexcept {
  return smtp::is(smtp::CharClass::let_dig, c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c);
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// Up to the next "=", which is taken, too.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::size_t end = rest.find('=');
  if (end == rest.npos) return std::nullopt;
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

bool is_timestamp(std::string_view text) {
  return text.size() == 2 && std::ranges::all_of(text, [](char c) { return kBase32.contains(smtp::lower(c)); });
}

}  // namespace

std::optional<std::string> encode(const Original& original, std::string_view secret, std::string_view forwarder,
                                  std::int64_t day) {
  const std::string hash = hash_of(original.text, secret);
  if (hash.empty()) return std::nullopt;
  const auto number = static_cast<std::size_t>(day % kDaysOfTwoDigits);
  const bool is_quoted = original.local_part.contains('"');
  std::string made(is_quoted ? "\"" : "");
  made.append(kPrefix).append(hash).append("=");
  made.append({kBase32[number / 32], kBase32[number % 32], '='});
  made.append(original.domain).append("=");
  append_without_quotes(made, original.local_part);
  if (is_quoted) made.push_back('"');
  return made.append("@").append(forwarder);
}

std::optional<Encoded> decode(std::string_view local_part) {
  if (!smtp::starts_with_ignoring_case(local_part, kPrefix) || local_part.contains('\n')) return std::nullopt;
  std::string_view rest = local_part.substr(kPrefix.size());
  const auto hash = take_field(rest);
  const auto timestamp = hash && !hash->empty() ? take_field(rest) : std::nullopt;
  const auto domain = timestamp && is_timestamp(*timestamp) ? take_field(rest) : std::nullopt;
  if (!domain) return std::nullopt;
  Encoded encoded{.recipient = {}, .hash = *hash, .timestamp = *timestamp};
  const std::string original = lower(rest);
  if (std::ranges::all_of(local_part, is_plain))
    encoded.recipient = original;
  else
    append_quoted(encoded.recipient, original);
  encoded.recipient.append("@").append(lower(*domain));
  return encoded;
}

bool is_valid(const Encoded& encoded, std::string_view secret, std::int64_t day) {
  const std::optional<std::int64_t> made = day_of(encoded.timestamp);
  if (!made || (day % kDaysOfTwoDigits - *made + kDaysOfTwoDigits) % kDaysOfTwoDigits > kDays) return false;
  const std::string expected = hash_of(encoded.recipient, secret);
  return !expected.empty() && crypto::same_bytes(expected, encoded.hash);
}

}  // namespace postern::srs
