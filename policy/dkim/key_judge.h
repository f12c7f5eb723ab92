// Whether a signature is its key's: RFC 6376 section 6.1.2 and 6.1.3. DKIM's signatures and ARC's are judged alike.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "net/dns/resolver.h"
#include "policy/crypto/digest.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/key_record.h"
#include "policy/dkim/reason.h"
#include "policy/message/signature_words.h"

namespace postern::dkim {

// Key records tried for one signature, where a name has several.
inline constexpr std::size_t kKeyRecordsMax = 3;

struct KeyPolicy {
  unsigned rsa_bits_min = 1024;  // RFC 8301 section 3.2
  unsigned ed25519_bits_min = 250;
};

// A signature whose header was hashed. Borrowed for the call.
struct Claim {
  message::Algorithm algorithm;
  const crypto::Digest& digest;
  std::string_view signature;  // b=, bytes
  bool below_domain = false;   // its identity is below d=, not d= itself
};

struct KeyJudgment {
  Reason reason = Reason::none;     // none: it is this key's
  std::optional<KeyRecord> record;  // the one that decided, where one was read
  unsigned key_bits = 0;
  std::string why;  // of a temporary failure, the resolver's words
};

// `answer` is that of key_name(). A name may have several records: one that verifies is enough, otherwise the first that can be
// read tells why.
[[nodiscard]] KeyJudgment judge_key(const dns::Answer& answer, KeyCache& cache, const KeyPolicy& policy, const Claim& claim);

}  // namespace postern::dkim
