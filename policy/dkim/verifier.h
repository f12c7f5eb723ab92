// Verifies the DKIM signatures of one message while it arrives: RFC 6376 section 6, RFC 8301, RFC 8463.
//
//   begin()    the header is complete: signatures are read, header fields hashed, keys asked for
//   ...        whoever has the body feeds BodyHashes
//   finish()   the body has ended: signatures are judged with the keys that have come
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/crypto/digest.h"
#include "policy/crypto/signature.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/key_queries.h"
#include "policy/dkim/key_record.h"
#include "policy/dkim/reason.h"
#include "policy/dkim/signature_field.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::dkim {

struct VerifyPolicy {
  std::vector<crypto::Hash> hashes{crypto::Hash::sha256, crypto::Hash::sha512};            // dkim_verify_hashes
  std::vector<crypto::KeyType> key_types{crypto::KeyType::ed25519, crypto::KeyType::rsa};  // dkim_verify_keytypes
  unsigned rsa_bits_min = 1024;                                                            // dkim_verify_min_keysizes
  unsigned ed25519_bits_min = 250;
  bool minimal = false;              // dkim_verify_minimal: those behind the first that passes are not judged
  std::size_t signatures_max = 20;   // from the top; further ones are only counted
  std::uint64_t clock_skew_s = 300;  // how far ahead of ours a signer's clock may be, for t=
};

// Owns all that it says.
struct SignatureResult {
  Signature signature;
  Status status = Status::none;
  Reason reason = Reason::not_judged;
  std::string why;  // of a temporary failure, the resolver's words

  // Of the key record that decided, where one was read.
  std::optional<KeyRecord> record;
  unsigned key_bits = 0;

  std::uint64_t body_bytes = 0;           // of the canonical body
  std::uint64_t unsigned_body_bytes = 0;  // what l= leaves out
  std::vector<PeerText> oversigned;       // names in h= that no field answers to: adding one breaks the signature
  std::size_t unsigned_from_fields = 0;   // From fields that h= leaves out

  [[nodiscard]] bool temporary() const noexcept { return reason == Reason::key_temporary; }
};

// One message's. Between begin() and its end, finish() or abandon() is awaited.
class Verifier {
 public:
  // Of header fields in canonical form, for all signatures of a message.
  static constexpr std::uint64_t kHeaderBytesMax = std::uint64_t{4} * 1024 * 1024;

  // Resolver and cache are borrowed for life.
  Verifier(dns::Resolver& resolver, KeyCache& cache, VerifyPolicy policy);

  // The header's views are not looked at any more afterwards. Questions about the body go to `bodies`, which is borrowed until
  // the end. `wait` bounds the questions for keys.
  void begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, const Wait& wait);
  // Signatures found beyond policy.signatures_max.
  [[nodiscard]] std::size_t ignored() const noexcept { return ignored_; }
  [[nodiscard]] std::size_t count() const noexcept { return candidates_.size(); }

  // After BodyHashes::finish(). Suspends for keys that are not there yet, at most until `wait` ends: what is missing then is a
  // temporary failure. A body that is not what was signed needs no key: that signature failed. Results stand in the order of
  // the fields, from the top. Once.
  [[nodiscard]] Task<std::vector<SignatureResult>> finish(Wait wait);
  // The message goes away: ends the questions. In place of finish().
  [[nodiscard]] Task<void> abandon() { return keys_.close(); }

 private:
  struct Candidate {
    SignatureResult result;
    crypto::Digest header_digest;
    std::size_t body = 0;  // its numbers there
    std::size_t key = 0;
  };

  [[nodiscard]] Reason judge_field(const Signature& signature) const;
  [[nodiscard]] Reason hash_header(const message::HeaderIndex& headers, const smtp::HeaderField& field, Candidate& candidate);
  [[nodiscard]] Reason judge_body(SignatureResult& result, std::size_t number) const;
  [[nodiscard]] Reason judge_answer(Candidate& candidate);

  KeyCache& cache_;
  VerifyPolicy policy_;
  KeyQueries keys_;
  message::BodyHashes* bodies_ = nullptr;
  std::vector<Candidate> candidates_;
  std::size_t ignored_ = 0;
  std::uint64_t header_bytes_ = 0;
};

}  // namespace postern::dkim
