#include "policy/arc/sealer.h"

#include <algorithm>
#include <array>
#include <span>
#include <unordered_map>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/arc/chain.h"
#include "policy/auth_results/read.h"
#include "policy/expand/text_base64.h"
#include "policy/message/canonical.h"

namespace postern::arc {

namespace {

using Extent = dkim::SignedName::Extent;
using message::Canon;
using smtp::equal_ignoring_case;

constexpr crypto::Hash kHash = crypto::Hash::sha256;
constexpr std::string_view kOwnResultsField = "Authentication-Results";

bool refuse(std::string& why, std::string text) {
  why = std::move(text);
  return false;
}

std::string base64(std::string_view bytes) {
  std::string text;
  expand::append_base64(text, bytes);
  return text;
}

// Our own field as the functions for peers' fields want it.
smtp::HeaderField as_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  return {PeerView(text.substr(0, colon)), PeerView(text.substr(colon + 1))};
}

// Those of our Authentication-Results fields that can be read.
template <class Use>
void each_own_results(const message::HeaderIndex& headers, const std::string& identity, Use&& use) {
  for (const std::size_t place : headers.places(kOwnResultsField)) {
    const std::string_view value = headers.fields()[place].value.view();
    if (!auth_results::claims(value, std::span(&identity, 1))) continue;
    if (const auto field = auth_results::read_field(value)) use(*field);
  }
}

bool may_not_be_signed(std::string_view name) {
  return std::ranges::any_of(std::array{kResultsField, kSignatureField, kSealField, kOwnResultsField},
                             [&](std::string_view field) { return equal_ignoring_case(name, field); });
}

ChainStatus status_of(std::string_view word) {
  if (word == "pass") return ChainStatus::pass;
  return word == "none" ? ChainStatus::none : ChainStatus::fail;
}

}  // namespace

std::optional<ChainStatus> recorded_status(const message::HeaderIndex& headers, const std::string& identity) {
  std::optional<ChainStatus> status;
  each_own_results(headers, identity, [&](const auth_results::Field& field) {
    for (const auth_results::MethodResult& result : field.results) {
      if (result.method != "arc") continue;
      const ChainStatus said = status_of(result.result);
      status = status && *status != said ? ChainStatus::fail : said;
    }
  });
  return status;
}

std::optional<Sealer> Sealer::make(const SealSettings& settings, std::shared_ptr<const crypto::PrivateKey> key,
                                   std::string& why) {
  Sealer sealer;
  const auto refuse = [&](std::string text) {
    why = "arc_sign: " + std::move(text);
    return std::nullopt;
  };
  if (!message::is_signing_name(settings.identity))
    return refuse("\"" + printable(settings.identity) + "\" cannot be a domain; IDNs are written as xn--");
  if (!message::is_signing_name(settings.selector))
    return refuse("\"" + printable(settings.selector) + "\" cannot be a selector");
  if (key->type() == crypto::KeyType::rsa && key->bits() < dkim::Signer::kRsaBitsMin)
    return refuse("RSA keys have at least 1024 bits (RFC 8301), this one has " + std::to_string(key->bits()));
  const std::string names =
      settings.sign_headers.empty() ? std::string(dkim::kSignHeaders) + ":=DKIM-Signature" : settings.sign_headers;
  auto read = dkim::read_sign_headers(names, why);
  if (!read) return std::nullopt;
  for (const dkim::SignedName& name : *read)
    if (may_not_be_signed(name.name))
      return refuse("an ARC-Message-Signature does not cover " + printable(name.name) + " (RFC 8617 section 4.1.2)");
  sealer.identity_ = settings.identity;
  sealer.selector_ = settings.selector;
  sealer.names_ = std::move(*read);
  sealer.timestamps_ = settings.timestamps;
  sealer.expire_ = settings.expire;
  sealer.algorithm_ = {key->type(), kHash};
  sealer.key_ = std::move(key);
  return sealer;
}

bool Sealer::begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, std::optional<ChainStatus> verified,
                   WallTime now, std::string& why) {
  const ReceivedChain chain = read_chain(headers);
  if (chain.ended) return refuse(why, "the chain has ended: its newest seal says cv=fail");
  if (chain.sets.size() >= kInstanceMax) return refuse(why, "the chain has " + std::to_string(kInstanceMax) + " sets");
  const bool is_first = chain.sets.empty() && chain.fault.empty();
  if (!is_first && verified.value_or(ChainStatus::none) == ChainStatus::none)
    return refuse(why, "the chain was not verified when the message came in");

  instance_ = chain.sets.size() + 1;
  const bool passed = verified == ChainStatus::pass && chain.fault.empty();
  status_ = is_first ? ChainStatus::none : passed ? ChainStatus::pass : ChainStatus::fail;
  created_ = static_cast<std::uint64_t>(std::max<std::int64_t>(now.seconds(), 0));
  if (!write_results(headers, why) || !hash_header(headers, why)) return false;
  sets_below_.emplace(kHash);
  // Of a chain that has failed the seal covers nothing but its own set (section 5.1.2).
  if (status_ == ChainStatus::pass)
    for (const Set& set : chain.sets) add_set(*sets_below_, set);
  body_ = bodies.ask(Canon::relaxed, kHash);
  return true;
}

// All results of ours in one field (section 4.1.1).
bool Sealer::write_results(const message::HeaderIndex& headers, std::string& why) {
  results_ = std::string(kResultsField) + ": i=" + std::to_string(instance_) + "; " + identity_;
  bool found = false;
  bool has_results = false;
  bool too_long = false;
  each_own_results(headers, identity_, [&](const auth_results::Field& field) {
    found = true;
    for (const auth_results::MethodResult& result : field.results) {
      too_long |= result.text.size() > kResultsBytesMax - std::min(results_.size(), kResultsBytesMax);
      if (too_long) return;
      results_.append(";\r\n\t").append(result.text.view());
      has_results = true;
    }
  });
  if (!found) return refuse(why, "no Authentication-Results header for signing");
  if (too_long) return refuse(why, "more than " + std::to_string(kResultsBytesMax) + " bytes of Authentication-Results");
  if (!has_results) results_ += "; none";
  return true;
}

// Names of which there is no field are left out, unless the list says that there is to be none: a later handler may add them.
bool Sealer::hash_header(const message::HeaderIndex& headers, std::string& why) {
  header_.emplace(kHash);
  chosen_.clear();
  message::HeaderIndex::Choice choice(headers);
  std::size_t count = 0;
  std::string text;
  for (const dkim::SignedName& wanted : names_) {
    const auto add_name = [&] {
      if (count++ > 0) chosen_ += ':';
      chosen_ += wanted.name;
    };
    while (const smtp::HeaderField* const field = choice.next(wanted.name)) {
      add_name();
      text.clear();
      message::append_canonical(text, Canon::relaxed, *field);
      header_->update(text);
      if (wanted.extent == Extent::one) break;
    }
    if (wanted.extent == Extent::all_and_more) add_name();
  }
  if (count <= message::kSignedNamesMax) return true;
  return refuse(why, "more than " + std::to_string(message::kSignedNamesMax) + " header fields to sign");
}

// All but the value of b=, which stands last.
message::FoldedField Sealer::unsigned_signature(std::string_view body_hash) const {
  message::FoldedField field(kSignatureField);
  field.add("i", std::to_string(instance_));
  field.add("a", message::to_string(algorithm_));
  field.add("c", "relaxed/relaxed");
  field.add("d", identity_);
  field.add("s", selector_);
  if (timestamps_) field.add("t", std::to_string(created_));
  if (expire_) field.add("x", std::to_string(expire_->seconds + (expire_->from_now ? created_ : 0)));
  field.add_list("h", chosen_);
  field.add_base64("bh", base64(body_hash));
  field.add_base64("b", "");
  return field;
}

message::FoldedField Sealer::unsigned_seal() const {
  message::FoldedField field(kSealField);
  field.add("i", std::to_string(instance_));
  field.add("a", message::to_string(algorithm_));
  if (timestamps_) field.add("t", std::to_string(created_));
  field.add("cv", to_string(status_));
  field.add("d", identity_);
  field.add("s", selector_);
  field.add_base64("b", "");
  return field;
}

// `hasher` has taken what stands before the field itself.
bool Sealer::sign(crypto::Hasher& hasher, message::FoldedField& field) const {
  const smtp::HeaderField own = as_field(field.text());
  add_own(hasher, own, own.value.size(), own.value.size());
  crypto::Digest digest;
  if (!hasher.snapshot(digest)) return false;
  const std::optional<std::string> signature = key_->sign(kHash, digest);
  if (signature) field.extend_base64(base64(*signature));
  return signature.has_value();
}

std::optional<std::vector<std::string>> Sealer::finish(const message::BodyHashes& bodies, std::string& why) {
  const message::BodyHash body = bodies.get(body_);
  if (!body.known) {
    why = "the machine's cryptographic policy does not allow the hash";
    return std::nullopt;
  }
  message::FoldedField signature = unsigned_signature(body.digest.view());
  message::FoldedField seal = unsigned_seal();
  bool is_signed = sign(*header_, signature);
  if (is_signed) {
    add_results_and_signature(*sets_below_, as_field(results_), as_field(signature.text()));
    is_signed = sign(*sets_below_, seal);
  }
  if (!is_signed) {
    why = "the private key cannot sign by " + message::to_string(algorithm_);
    return std::nullopt;
  }
  return std::vector{seal.text() + "\r\n", signature.text() + "\r\n", results_ + "\r\n"};
}

}  // namespace postern::arc
