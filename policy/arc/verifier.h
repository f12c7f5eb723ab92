// Verifies the Authenticated Received Chain of one message while it arrives: RFC 8617 section 5.2.
//
//   begin()    the header is complete: the chain is read, header fields hashed, keys asked for
//   ...        whoever has the body feeds BodyHashes
//   finish()   the body has ended: signatures and seals are judged with the keys that have come
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/arc/chain.h"
#include "policy/auth_results/write.h"
#include "policy/crypto/digest.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/key_judge.h"
#include "policy/dkim/key_queries.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::arc {

struct VerifyPolicy {
  dkim::KeyPolicy keys;
  std::uint64_t clock_skew_s = 300;  // how far ahead of ours a signer's clock may be, for t= of a message signature
};

// What is told of one set. Parts that could not be read are empty.
struct SetResult {
  unsigned instance = 0;
  PeerText domain;              // d= of the seal
  PeerText selector;            // s= of the seal
  PeerText signature_domain;    // of the message signature
  PeerText signature_selector;  // likewise
  PeerText results_id;          // the authserv-id
  PeerText remote_ip;           // smtp.remote-ip of the results
};

// Owns all that it says.
struct Result {
  ChainStatus status = ChainStatus::none;
  // Why it failed, in Exim's words where it has some ($arc_state_reason): "i=2 (missing header)", "AMS body hash miscompare".
  std::string reason;
  // It failed because the DNS did not answer. That is final for the chain (section 5.2.1), as in Exim; section 5.2.2 lets a
  // receiver answer with a 4xx reply instead.
  bool temporary = false;
  // The newest seal said cv=fail: no set may be added.
  bool ended = false;
  // From the newest message signature downwards, the last one that verifies without a gap, as Exim counts; 0: not even the
  // newest, or there is none. (The RFC has 0 also where all verify.)
  unsigned oldest_pass = 0;
  std::vector<SetResult> sets;  // by instance, from 1 to the highest

  [[nodiscard]] unsigned instances() const noexcept { return static_cast<unsigned>(sets.size()); }
  // $arc_domains: d= of the seals, the oldest first, separated by colons; those that could not be read are empty.
  [[nodiscard]] std::string domains() const;
  [[nodiscard]] auth_results::Arc for_auth_results() const;
};

// One message's. Between begin() and its end, finish() or abandon() is awaited.
class Verifier {
 public:
  // Of header fields in canonical form, for all message signatures of a chain.
  static constexpr std::uint64_t kHeaderBytesMax = std::uint64_t{4} * 1024 * 1024;

  // Resolver and cache are borrowed for life.
  Verifier(dns::Resolver& resolver, dkim::KeyCache& cache, VerifyPolicy policy) noexcept
      : cache_(cache), policy_(policy), keys_(resolver) {}

  // The header's views are not looked at any more afterwards. Questions about the body go to `bodies`, which is borrowed until
  // the end. `wait` bounds the questions for keys. What can be no chain asks nothing.
  void begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, const Wait& wait);

  // After BodyHashes::finish(). Suspends for keys that are not there yet, at most until `wait` ends: what is missing then is a
  // temporary failure. Once.
  [[nodiscard]] Task<Result> finish(Wait wait);
  // The message goes away: ends the questions. In place of finish().
  [[nodiscard]] Task<void> abandon() { return keys_.close(); }

 private:
  // A message signature or a seal.
  struct Signed {
    message::Algorithm algorithm;
    PeerText signature;
    crypto::Digest digest;
    std::size_t key = 0;
    dkim::Reason reason = dkim::Reason::none;  // otherwise it is known not to verify
  };
  struct Candidate {
    Signed message;
    PeerText body_hash;
    std::uint64_t body_bytes = 0;  // that it covers; BodyHashes::kWhole
    std::size_t body = 0;          // its number there
    Signed seal;
  };
  struct Judged {
    dkim::Reason reason = dkim::Reason::none;
    std::string why;
  };

  void begin_message(const message::HeaderIndex& headers, Set& set, Candidate& candidate, const Wait& wait);
  [[nodiscard]] dkim::Reason judge_field(const dkim::Signature& signature) const;
  [[nodiscard]] dkim::Reason hash_header(const message::HeaderIndex& headers, const Set& set, crypto::Digest& digest);
  void begin_seal(const crypto::Hasher& below, Set& set, Candidate& candidate, const Wait& wait);
  [[nodiscard]] Task<void> judge(Wait wait);
  [[nodiscard]] Task<void> find_oldest_pass(Wait wait);
  [[nodiscard]] Task<Judged> judge_message(const Candidate& candidate, Wait wait);
  [[nodiscard]] Task<Judged> judge_signed(const Signed& one, Wait wait);
  void fail(std::string reason, const Judged& judged);

  dkim::KeyCache& cache_;
  VerifyPolicy policy_;
  dkim::KeyQueries keys_;
  message::BodyHashes* bodies_ = nullptr;
  std::vector<Candidate> candidates_;  // by instance; empty when the result is known
  std::uint64_t header_bytes_ = 0;
  Result result_;
};

}  // namespace postern::arc
