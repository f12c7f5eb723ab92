#include "policy/expand/text_prvs.h"

#include "engine/smtp/chars.h"
#include "policy/crypto/digest.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::int64_t kDays = 1000;  // after which the numbers of days begin anew
constexpr std::size_t kSignatureDigits = 6;

std::string three_digits(std::int64_t day) {
  const std::int64_t n = day % kDays;
  return {static_cast<char>('0' + n / 100), static_cast<char>('0' + n / 10 % 10), static_cast<char>('0' + n % 10)};
}

// The first digits of HMAC-SHA1 over "KDDDlocal@domain"; empty when there is no SHA-1 on this machine.
std::string signature_of(char key_number, std::string_view day, std::string_view address, std::string_view secret) {
  std::string text(1, key_number);
  text.append(day).append(address);
  crypto::Digest result;
  std::string hex;
  if (crypto::hmac(crypto::Hash::sha1, secret, text, result)) result.append_hex(hex);
  return hex.substr(0, kSignatureDigits);
}

}  // namespace

bool prvs_sign(std::string_view address, std::string_view secret, std::string_view key_number, std::int64_t today,
               std::string& result, std::string& why) {
  const std::size_t at = address.rfind('@');
  if (at == address.npos || at == 0 || at + 1 == address.size())
    return refuse(why, "prvs first argument must be a qualified email address");
  if (key_number.size() > 1 || !smtp::all_of(smtp::CharClass::digit, key_number))
    return refuse(why, "prvs third argument must be a single digit");
  const char number = key_number.empty() ? '0' : key_number.front();
  const std::string day = three_digits(today + kPrvsDays);
  const std::string signature = signature_of(number, day, address, secret);
  if (signature.empty()) return refuse(why, "prvs hmac-sha1 conversion failed");
  result.assign("prvs=").append(1, number).append(day).append(signature).append("=").append(address);
  return true;
}

std::optional<PrvsAddress> prvs_parse(std::string_view text) {
  constexpr std::string_view kPrefix = "prvs=";
  constexpr std::size_t kTag = 1 + 3 + kSignatureDigits;
  if (!smtp::starts_with_ignoring_case(text, kPrefix)) return std::nullopt;
  const std::string_view tag = text.substr(kPrefix.size(), kTag);
  const std::string_view rest = text.substr(kPrefix.size() + tag.size());
  const std::size_t at = rest.rfind('@');
  if (tag.size() != kTag || !smtp::all_of(smtp::CharClass::digit, tag.substr(0, 4)) ||
      !smtp::all_of(smtp::CharClass::hex, tag.substr(4)) || !rest.starts_with('=') || at == rest.npos || at < 2 ||
      at + 1 == rest.size()) {
    return std::nullopt;
  }
  return PrvsAddress{
      .address = std::string(rest.substr(1)), .key_number = tag.front(), .day = tag.substr(1, 3), .signature = tag.substr(4)};
}

bool prvs_is_valid(const PrvsAddress& signed_address, std::string_view secret, std::int64_t today) {
  const std::string expected = signature_of(signed_address.key_number, signed_address.day, signed_address.address, secret);
  if (expected.empty() || !crypto::same_bytes(expected, signed_address.signature)) return false;
  const auto last_day = static_cast<std::int64_t>(read_digits(signed_address.day).value_or(0));
  const std::int64_t days_left = (last_day - today % kDays + kDays) % kDays;
  return days_left <= kPrvsDays;
}

}  // namespace postern::expand
