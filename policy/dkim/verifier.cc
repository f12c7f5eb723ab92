#include "policy/dkim/verifier.h"

#include <algorithm>
#include <utility>

#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"
#include "policy/crypto/hasher.h"
#include "policy/dkim/key_judge.h"
#include "policy/message/canonical.h"

namespace postern::dkim {

namespace {

constexpr std::string_view kFieldName = "DKIM-Signature";

template <class T>
bool holds(const std::vector<T>& values, T value) {
  return std::ranges::find(values, value) != values.end();
}

std::size_t signed_from_fields(const Signature& signature) {
  return static_cast<std::size_t>(std::ranges::count_if(
      signature.names, [](const PeerText& name) { return smtp::equal_ignoring_case(name.view(), "from"); }));
}

}  // namespace

Verifier::Verifier(dns::Resolver& resolver, KeyCache& cache, VerifyPolicy policy)
    : cache_(cache), policy_(std::move(policy)), keys_(resolver) {}

void Verifier::begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, const Wait& wait) {
  bodies_ = &bodies;
  const std::size_t from_fields = headers.count("from");
  for (const std::size_t place : headers.places(kFieldName)) {
    if (candidates_.size() == policy_.signatures_max) {
      ++ignored_;
      continue;
    }
    const smtp::HeaderField& field = headers.fields()[place];
    Candidate& candidate = candidates_.emplace_back();
    SignatureResult& result = candidate.result;
    Reason reason = read_signature(field.value, result.signature);
    if (reason == Reason::none) reason = judge_field(result.signature);
    if (reason == Reason::none) reason = hash_header(headers, field, candidate);
    result.reason = reason;
    if (reason != Reason::none) continue;
    const Signature& signature = result.signature;
    result.unsigned_from_fields = from_fields - std::min(from_fields, signed_from_fields(signature));
    candidate.body =
        bodies.ask(signature.canon.body, signature.algorithm.hash, signature.length.value_or(message::BodyHashes::kWhole));
    candidate.key = keys_.ask(key_name(signature.selector.view(), signature.domain.view()), wait);
  }
}

// What time and policy say of it.
Reason Verifier::judge_field(const Signature& signature) const {
  const auto now = static_cast<std::uint64_t>(Scheduler::current().wall_now().seconds());
  if (signature.expires && *signature.expires < now) return Reason::expired;
  if (signature.created && *signature.created > now + policy_.clock_skew_s) return Reason::future;
  const message::Algorithm algorithm = signature.algorithm;
  const bool accepted = holds(policy_.hashes, algorithm.hash) && holds(policy_.key_types, algorithm.key);
  return accepted ? Reason::none : Reason::insecure;
}

Reason Verifier::hash_header(const message::HeaderIndex& headers, const smtp::HeaderField& field, Candidate& candidate) {
  const Signature& signature = candidate.result.signature;
  const message::Canon canon = signature.canon.header;
  crypto::Hasher hasher(signature.algorithm.hash);
  message::HeaderIndex::Choice choice(headers);
  std::string text;
  for (const PeerText& name : signature.names) {
    const smtp::HeaderField* const chosen = choice.next(name.view());
    if (chosen == nullptr) {
      candidate.result.oversigned.push_back(name);
      continue;
    }
    text.clear();
    message::append_canonical(text, canon, *chosen);
    header_bytes_ += text.size();
    if (header_bytes_ > kHeaderBytesMax) return Reason::costly;
    hasher.update(text);
  }
  text.clear();
  message::append_canonical_signature(text, canon, field, signature.cut_begin, signature.cut_end);
  hasher.update(text);
  // A library that refuses the hash (FIPS) is a policy of the machine.
  return hasher.snapshot(candidate.header_digest) ? Reason::none : Reason::insecure;
}

Task<std::vector<SignatureResult>> Verifier::finish(Wait wait) {
  std::vector<SignatureResult> results;
  bool passed = false;
  for (Candidate& candidate : candidates_) {
    SignatureResult& result = candidate.result;
    if (result.reason == Reason::none && passed && policy_.minimal) result.reason = Reason::not_judged;
    if (result.reason == Reason::none) result.reason = judge_body(result, candidate.body);
    if (result.reason == Reason::none) {
      co_await keys_.wait_for(candidate.key, wait);
      result.reason = judge_answer(candidate);
    }
    result.status = words(result.reason).status;
    passed |= result.status == Status::pass;
    results.push_back(std::move(result));
  }
  co_await keys_.close();
  co_return results;
}

Reason Verifier::judge_body(SignatureResult& result, std::size_t number) const {
  const message::BodyHash body = bodies_->get(number);
  const Signature& signature = result.signature;
  result.body_bytes = body.body_bytes;
  result.unsigned_body_bytes = body.body_bytes - body.hashed_bytes;
  if (!body.known) return Reason::insecure;
  if (signature.length && body.hashed_bytes < *signature.length) return Reason::body_too_short;
  return body.digest.view() == signature.body_hash.view() ? Reason::none : Reason::body_hash;
}

Reason Verifier::judge_answer(Candidate& candidate) {
  SignatureResult& result = candidate.result;
  const Signature& signature = result.signature;
  const bool is_below = !smtp::equal_ignoring_case(signature.identity_domain(), signature.domain.view());
  KeyJudgment judged = judge_key(keys_.answer(candidate.key), cache_, {policy_.rsa_bits_min, policy_.ed25519_bits_min},
                                 {.algorithm = signature.algorithm,
                                  .digest = candidate.header_digest,
                                  .signature = signature.signature.view(),
                                  .below_domain = is_below});
  result.why = std::move(judged.why);
  result.record = std::move(judged.record);
  result.key_bits = judged.key_bits;
  return judged.reason;
}

}  // namespace postern::dkim
