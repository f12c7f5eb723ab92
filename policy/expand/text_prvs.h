// Signed envelope senders: PRVS, "prvs=KDDDSSSSSS=local@domain" (draft-levine-smtp-batv). K is the number of the secret, DDD
// the last day it is good on, S the signature.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::int64_t kPrvsDays = 7;  // that a signature is good for

// Days since 1970-01-01.
[[nodiscard]] constexpr std::int64_t day_of(std::int64_t unix_seconds) noexcept { return unix_seconds / 86400; }

// Replaces `result`. `key_number` is a single digit, or empty for 0. False with `why` in Exim's words.
[[nodiscard]] bool prvs_sign(std::string_view address, std::string_view secret, std::string_view key_number, std::int64_t today,
                             std::string& result, std::string& why);

struct PrvsAddress {
  std::string address;   // $prvscheck_address: without the signature
  char key_number;       // $prvscheck_keynum
  std::string_view day;  // three digits; views into what was parsed
  std::string_view signature;
};

// Nothing when `text` has not that form.
[[nodiscard]] std::optional<PrvsAddress> prvs_parse(std::string_view text);
// $prvscheck_result: whether the signature is right and still good.
[[nodiscard]] bool prvs_is_valid(const PrvsAddress& signed_address, std::string_view secret, std::int64_t today);

}  // namespace postern::expand
