#include "policy/dkim/key_judge.h"

#include <utility>

namespace postern::dkim {

namespace {

Reason judge_record(const KeyRecord& record, KeyCache& cache, const KeyPolicy& policy, const Claim& claim, unsigned& key_bits) {
  if (record.type != claim.algorithm.key) return Reason::key_mismatch;
  if (record.revoked()) return Reason::key_revoked;
  if (!record.allows(claim.algorithm.hash)) return Reason::key_hash;
  if (!record.for_email) return Reason::key_service;
  if (record.no_subdomains && claim.below_domain) return Reason::key_subdomain;
  const auto key = cache.get(record.type, record.key.view());
  if (!key) return Reason::key_bytes;
  key_bits = key->bits();
  const unsigned bits_min = key->type() == crypto::KeyType::rsa ? policy.rsa_bits_min : policy.ed25519_bits_min;
  if (key_bits < bits_min) return Reason::key_too_short;
  return key->verify(claim.algorithm.hash, claim.digest, claim.signature) ? Reason::none : Reason::signature;
}

}  // namespace

KeyJudgment judge_key(const dns::Answer& answer, KeyCache& cache, const KeyPolicy& policy, const Claim& claim) {
  KeyJudgment best;
  if (answer.status == dns::Status::temporary_failure) {
    best.reason = Reason::key_temporary;
    best.why = answer.why;
    return best;
  }
  best.reason = answer.found() ? Reason::key_syntax : Reason::key_unavailable;
  std::size_t tried = 0;
  answer.each<dns::Text>([&](const dns::Text& text) {
    if (tried == kKeyRecordsMax || best.reason == Reason::none) return;
    auto record = read_key_record(text.joined());
    if (!record) return;
    ++tried;
    unsigned key_bits = 0;
    const Reason reason = judge_record(*record, cache, policy, claim, key_bits);
    if (!best.record || reason == Reason::none) best = {reason, std::move(*record), key_bits, {}};
  });
  return best;
}

}  // namespace postern::dkim
