// A key as its domain publishes it: RFC 6376 section 3.6.1, RFC 8463 section 4. ARC's keys are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/crypto/digest.h"
#include "policy/crypto/signature.h"

namespace postern::dkim {

inline constexpr std::size_t kKeyRecordBytesMax = 16 * 1024;

enum class KeyRecordFault : std::uint8_t {
  syntax,    // no tag list, no p=, or a value that cannot be one
  version,   // v= is there and is not DKIM1, or does not stand first: some other kind of record
  key_type,  // k= is none that we know
};

struct KeyRecord {
  crypto::KeyType type = crypto::KeyType::rsa;
  PeerText key;                                     // p=, bytes; empty: revoked
  std::optional<std::vector<crypto::Hash>> hashes;  // h=, those that we know; none: all
  bool testing = false;                             // t=y
  bool no_subdomains = false;                       // t=s: i= is in d= itself
  bool for_email = true;                            // s= has * or email
  PeerText service_types{"*"};                      // s= as it stands
  PeerText granularity{"*"};                        // g= as it stands; RFC 4871's, means nothing since RFC 6376
  PeerText notes;                                   // n= as it stands: people read it, nothing depends on it

  [[nodiscard]] bool revoked() const noexcept { return key.empty(); }
  [[nodiscard]] bool allows(crypto::Hash hash) const noexcept;
};

// `text` is all strings of one TXT record, joined.
[[nodiscard]] std::expected<KeyRecord, KeyRecordFault> read_key_record(PeerView text);

}  // namespace postern::dkim
