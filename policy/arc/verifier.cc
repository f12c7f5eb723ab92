#include "policy/arc/verifier.h"

#include <utility>

#include "engine/coro/scheduler.h"
#include "policy/message/canonical.h"

namespace postern::arc {

namespace {

using dkim::Reason;

// What ARC signs with (RFC 8617 section 4.1): DKIM's, of which RFC 8301 has left one hash.
constexpr crypto::Hash kHash = crypto::Hash::sha256;

SetResult describe(const Set& set, unsigned instance) {
  return {.instance = instance,
          .domain = set.seal.domain,
          .selector = set.seal.selector,
          .signature_domain = set.signature.signature.domain,
          .signature_selector = set.signature.signature.selector,
          .results_id = set.results.id,
          .remote_ip = set.results.remote_ip};
}

std::string with_detail(std::string words, unsigned instance, const std::string& why, Reason reason) {
  words += ": i=" + std::to_string(instance) + ' ';
  words += dkim::words(reason).text;
  if (!why.empty()) words += ": " + why;
  return words;
}

// Exim's words for a message signature that does not verify.
std::string message_words(Reason reason, unsigned instance, const std::string& why) {
  switch (reason) {
    case Reason::body_hash: return "AMS body hash miscompare";
    case Reason::signature: return "AMS sig nonverify";
    case Reason::key_temporary:
    case Reason::key_unavailable:
    case Reason::key_syntax:
    case Reason::key_bytes:
    case Reason::key_revoked:
    case Reason::key_mismatch:
    case Reason::key_hash:
    case Reason::key_service:
    case Reason::key_subdomain:
    case Reason::key_too_short: return with_detail("pubkey problem", instance, why, reason);
    default: return with_detail("AMS", instance, why, reason);
  }
}

}  // namespace

std::string Result::domains() const {
  std::string all;
  for (const SetResult& set : sets) {
    if (set.instance > 1) all += ':';
    all += set.domain.view();
  }
  return all;
}

auth_results::Arc Result::for_auth_results() const {
  constexpr auth_results::Result kWords[] = {auth_results::Result::none, auth_results::Result::fail,
                                             auth_results::Result::pass};
  auth_results::Arc arc{.result = kWords[static_cast<std::size_t>(status)],
                        .instance = instances(),
                        .reason = reason,
                        .selector = {},
                        .oldest_pass = oldest_pass};
  if (!sets.empty()) arc.selector = sets.back().signature_selector;
  return arc;
}

void Verifier::begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, const Wait& wait) {
  bodies_ = &bodies;
  ReceivedChain chain = read_chain(headers);
  for (const Set& set : chain.sets) result_.sets.push_back(describe(set, result_.instances() + 1));
  result_.ended = chain.ended;
  result_.reason = std::move(chain.fault);
  if (!result_.reason.empty()) result_.status = ChainStatus::fail;
  if (result_.status == ChainStatus::fail || chain.sets.empty()) return;

  candidates_.resize(chain.sets.size());
  crypto::Hasher below(kHash);
  for (std::size_t i = 0; i < chain.sets.size(); ++i) {
    begin_seal(below, chain.sets[i], candidates_[i], wait);
    add_set(below, chain.sets[i]);
  }
  // The newest first: it alone decides, should the limit of bytes be reached.
  for (std::size_t i = chain.sets.size(); i-- > 0;) begin_message(headers, chain.sets[i], candidates_[i], wait);
}

void Verifier::begin_seal(const crypto::Hasher& below, Set& set, Candidate& candidate, const Wait& wait) {
  Seal& seal = set.seal;
  candidate.seal.algorithm = seal.algorithm;
  if (!seal.knows_algorithm)
    candidate.seal.reason = Reason::algorithm;
  else if (seal.algorithm.hash != kHash)
    candidate.seal.reason = Reason::insecure;
  if (candidate.seal.reason != Reason::none) return;
  crypto::Hasher hasher = below.branch();
  add_results_and_signature(hasher, *set.results_field, *set.signature_field);
  add_own(hasher, *set.seal_field, seal.cut_begin, seal.cut_end);
  // A library that refuses the hash (FIPS) is a policy of the machine.
  if (!hasher.snapshot(candidate.seal.digest)) candidate.seal.reason = Reason::insecure;
  candidate.seal.signature = std::move(seal.signature);
  candidate.seal.key = keys_.ask(dkim::key_name(seal.selector.view(), seal.domain.view()), wait);
}

void Verifier::begin_message(const message::HeaderIndex& headers, Set& set, Candidate& candidate, const Wait& wait) {
  dkim::Signature& signature = set.signature.signature;
  Signed& own = candidate.message;
  own.algorithm = signature.algorithm;
  own.reason = set.signature.reason;
  if (own.reason == Reason::none) own.reason = judge_field(signature);
  if (own.reason == Reason::none) own.reason = hash_header(headers, set, own.digest);
  if (own.reason != Reason::none) return;
  candidate.body_bytes = signature.length.value_or(message::BodyHashes::kWhole);
  candidate.body = bodies_->ask(signature.canon.body, kHash, candidate.body_bytes);
  candidate.body_hash = std::move(signature.body_hash);
  own.signature = std::move(signature.signature);
  own.key = keys_.ask(dkim::key_name(signature.selector.view(), signature.domain.view()), wait);
}

// What time and policy say of it.
Reason Verifier::judge_field(const dkim::Signature& signature) const {
  const auto now = static_cast<std::uint64_t>(Scheduler::current().wall_now().seconds());
  if (signature.expires && *signature.expires < now) return Reason::expired;
  if (signature.created && *signature.created > now + policy_.clock_skew_s) return Reason::future;
  return signature.algorithm.hash == kHash ? Reason::none : Reason::insecure;
}

Reason Verifier::hash_header(const message::HeaderIndex& headers, const Set& set, crypto::Digest& digest) {
  const dkim::Signature& signature = set.signature.signature;
  crypto::Hasher hasher(kHash);
  message::HeaderIndex::Choice choice(headers);
  std::string text;
  for (const PeerText& name : signature.names) {
    const smtp::HeaderField* const chosen = choice.next(name.view());
    if (chosen == nullptr) continue;
    text.clear();
    message::append_canonical(text, signature.canon.header, *chosen);
    header_bytes_ += text.size();
    if (header_bytes_ > kHeaderBytesMax) return Reason::costly;
    hasher.update(text);
  }
  text.clear();
  message::append_canonical_signature(text, signature.canon.header, *set.signature_field, signature.cut_begin,
                                      signature.cut_end);
  hasher.update(text);
  return hasher.snapshot(digest) ? Reason::none : Reason::insecure;
}

Task<Result> Verifier::finish(Wait wait) {
  if (!candidates_.empty()) co_await judge(wait);
  co_await keys_.close();
  co_return std::move(result_);
}

// Steps 4 to 7.
Task<void> Verifier::judge(Wait wait) {
  const Judged newest = co_await judge_message(candidates_.back(), wait);
  if (newest.reason != Reason::none) {
    fail(message_words(newest.reason, result_.instances(), newest.why), newest);
    co_return;
  }
  co_await find_oldest_pass(wait);
  for (std::size_t i = candidates_.size(); i-- > 0;) {
    const Judged seal = co_await judge_signed(candidates_[i].seal, wait);
    if (seal.reason == Reason::none) continue;
    fail(with_detail("seal sigverify error", static_cast<unsigned>(i + 1), seal.why, seal.reason), seal);
    co_return;
  }
  result_.status = ChainStatus::pass;
}

// Step 5.
Task<void> Verifier::find_oldest_pass(Wait wait) {
  result_.oldest_pass = result_.instances();
  while (result_.oldest_pass > 1) {
    const Judged older = co_await judge_message(candidates_[result_.oldest_pass - 2], wait);
    if (older.reason != Reason::none) co_return;
    --result_.oldest_pass;
  }
}

void Verifier::fail(std::string reason, const Judged& judged) {
  result_.status = ChainStatus::fail;
  result_.reason = std::move(reason);
  result_.temporary = judged.reason == Reason::key_temporary;
}

Task<Verifier::Judged> Verifier::judge_message(const Candidate& candidate, Wait wait) {
  if (candidate.message.reason != Reason::none) co_return Judged{candidate.message.reason, {}};
  const message::BodyHash body = bodies_->get(candidate.body);
  if (!body.known) co_return Judged{Reason::insecure, {}};
  if (candidate.body_bytes != message::BodyHashes::kWhole && body.hashed_bytes < candidate.body_bytes)
    co_return Judged{Reason::body_too_short, {}};
  if (body.digest.view() != candidate.body_hash.view()) co_return Judged{Reason::body_hash, {}};
  co_return co_await judge_signed(candidate.message, wait);
}

Task<Verifier::Judged> Verifier::judge_signed(const Signed& one, Wait wait) {
  if (one.reason != Reason::none) co_return Judged{one.reason, {}};
  co_await keys_.wait_for(one.key, wait);
  const dkim::Claim claim{.algorithm = one.algorithm, .digest = one.digest, .signature = one.signature.view()};
  dkim::KeyJudgment judgment = dkim::judge_key(keys_.answer(one.key), cache_, policy_.keys, claim);
  co_return Judged{judgment.reason, std::move(judgment.why)};
}

}  // namespace postern::arc
