#include "policy/dkim/reason.h"

#include <array>
#include <cstddef>

namespace postern::dkim {

namespace {

using enum Reason;

constexpr std::array kWords{
    ReasonWords{none, Status::pass, "", "pass", ""},
    ReasonWords{not_judged, Status::none, "", "none", "not judged"},
    ReasonWords{syntax, Status::invalid, "", "neutral", "signature tag missing or invalid"},
    ReasonWords{missing_tag, Status::invalid, "", "neutral", "signature tag missing or invalid"},
    ReasonWords{version, Status::invalid, "", "neutral", "unsupported DKIM version"},
    ReasonWords{identity, Status::invalid, "", "permerror", "i= is not under d="},
    ReasonWords{from_not_signed, Status::invalid, "", "permerror", "From is not signed"},
    ReasonWords{lifetime, Status::invalid, "", "neutral", "expiry is not after the time of signing"},
    ReasonWords{expired, Status::invalid, "", "permerror", "signature expired"},
    ReasonWords{future, Status::invalid, "", "permerror", "signed in the future"},
    ReasonWords{query_method, Status::invalid, "", "permerror", "unknown key query method"},
    ReasonWords{algorithm, Status::invalid, "", "neutral", "unknown algorithm"},
    ReasonWords{insecure, Status::invalid, "", "policy", "insecure"},
    ReasonWords{costly, Status::invalid, "", "policy", "too many signed header bytes in the message"},
    ReasonWords{key_temporary, Status::invalid, "pubkey_unavailable", "temperror", "public key record currently unavailable"},
    ReasonWords{key_unavailable, Status::invalid, "pubkey_unavailable", "permerror", "no public key record"},
    ReasonWords{key_syntax, Status::invalid, "pubkey_dns_syntax", "permerror", "syntax error in public key record"},
    ReasonWords{key_bytes, Status::invalid, "pubkey_der_syntax", "permerror", "public key cannot be read"},
    ReasonWords{key_revoked, Status::invalid, "pubkey_unavailable", "permerror", "public key revoked"},
    ReasonWords{key_mismatch, Status::invalid, "pubkey_dns_syntax", "permerror", "public key is of another type"},
    ReasonWords{key_hash, Status::invalid, "", "permerror", "public key does not allow the hash"},
    ReasonWords{key_service, Status::invalid, "", "permerror", "public key is not for mail"},
    ReasonWords{key_subdomain, Status::invalid, "", "permerror", "public key does not allow subdomains"},
    ReasonWords{key_too_short, Status::invalid, "pubkey_too_short", "policy", "public key too short"},
    ReasonWords{body_too_short, Status::invalid, "", "permerror", "body shorter than signed"},
    ReasonWords{body_hash, Status::fail, "bodyhash_mismatch", "fail", "body hash mismatch; body probably modified in transit"},
    ReasonWords{Reason::signature, Status::fail, "signature_incorrect", "fail",
                "signature did not verify; headers probably modified in transit"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kWords.size(); ++i)
    if (static_cast<std::size_t>(kWords[i].reason) != i) return false;
  return true;
}
static_assert(in_order());

}  // namespace

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::none: return "none";
    case Status::invalid: return "invalid";
    case Status::fail: return "fail";
    case Status::pass: return "pass";
  }
  return "";
}

const ReasonWords& words(Reason reason) noexcept { return kWords[static_cast<std::size_t>(reason)]; }

}  // namespace postern::dkim
