// What becomes of a signature, and why, in everybody's words.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::dkim {

enum class Status : std::uint8_t { none, invalid, fail, pass };
// Exim's $dkim_verify_status.
[[nodiscard]] std::string_view to_string(Status status) noexcept;

enum class Reason : std::uint8_t {
  none,             // it verified
  not_judged,       // an earlier one passed, and the policy wants no more
  syntax,           // the field is no tag list, or a value cannot be one
  missing_tag,      // one that RFC 6376 section 3.5 requires
  version,          // v= is not 1
  identity,         // i= is not in or under d=
  from_not_signed,  // h= does not name From
  lifetime,         // x= does not lie behind t=
  expired,          // x= lies in the past
  future,           // t= lies in the future
  query_method,     // q= has none that we know
  algorithm,        // a= is none that we know
  insecure,         // a= is known, and the policy does not accept it (RFC 8301)
  costly,           // the limit of header bytes hashed for one message is used up
  key_temporary,    // the DNS did not say
  key_unavailable,  // there is no key record
  key_syntax,       // there is none that can be read
  key_bytes,        // p= is no key
  key_revoked,      // p= is empty
  key_mismatch,     // k= is not a='s
  key_hash,         // h= of the record does not allow a='s
  key_service,      // s= of the record is not for mail
  key_subdomain,    // t=s, and i= is below d=
  key_too_short,    // for the policy (RFC 8301)
  body_too_short,   // l= is more than there is
  body_hash,        // the body is not what was signed
  signature,        // the header is not what was signed, or the signature is somebody else's
};

struct ReasonWords {
  Reason reason;
  Status status;
  std::string_view exim;     // $dkim_verify_reason; empty where Exim has no word
  std::string_view authres;  // the result of RFC 8601 section 2.7.1
  std::string_view text;     // for logs and comments
};
[[nodiscard]] const ReasonWords& words(Reason reason) noexcept;

}  // namespace postern::dkim
