#include "policy/dkim/signer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_base64.h"
#include "policy/message/canonical.h"
#include "policy/message/folded_field.h"
#include "policy/message/tag_list.h"

namespace postern::dkim {

namespace {

using message::Canon;
using Extent = SignedName::Extent;

constexpr std::string_view kFieldName = "DKIM-Signature";

std::nullopt_t refuse(std::string& why, std::string text) {
  why = std::move(text);
  return std::nullopt;
}

std::string base64(std::string_view bytes) {
  std::string text;
  expand::append_base64(text, bytes);
  return text;
}

// dkim-quoted-printable, RFC 6376 section 2.11.
std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < 127 && c != '=' && c != ';') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('=');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

// Exim's one word is for both; RFC 6376's form says each.
std::optional<message::Canonicalization> read_canon(std::string_view text) {
  if (text.empty()) return message::Canonicalization{Canon::relaxed, Canon::relaxed};
  auto canon = message::read_canonicalization(text);
  if (canon && text.find('/') == text.npos) canon->body = canon->header;
  return canon;
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) {
    if (!all.empty()) all += ':';
    all += name;
  }
  return all;
}

}  // namespace

std::optional<std::vector<SignedName>> read_sign_headers(std::string_view text, std::string& why) {
  std::vector<SignedName> names;
  bool has_from = false;
  std::string_view rest = text.empty() ? kSignHeaders : text;
  for (bool more = true; more;) {
    std::string_view item = message::next_item(rest, ':', more);
    if (item.empty()) continue;
    SignedName name;
    if (item.front() == '=') name.extent = Extent::all;
    if (item.front() == '+') name.extent = Extent::all_and_more;
    if (name.extent != Extent::one) item.remove_prefix(1);
    const auto as_list = message::read_field_names(item);
    if (!as_list || item.find(';') != item.npos)
      return refuse(why, "dkim_sign_headers: \"" + printable(item) + "\" cannot be the name of a header field");
    if (names.size() == message::kSignedNamesMax)
      return refuse(why, "dkim_sign_headers: more than " + std::to_string(message::kSignedNamesMax) + " names");
    name.name = item;
    has_from |= smtp::equal_ignoring_case(item, "from");
    names.push_back(std::move(name));
  }
  if (!has_from) return refuse(why, "dkim_sign_headers: From must be among them (RFC 6376 section 5.4)");
  return names;
}

std::optional<Signer> Signer::make(const SignSettings& settings, std::shared_ptr<const crypto::PrivateKey> key,
                                   std::string& why) {
  Signer signer;
  if (!message::is_signing_name(settings.domain))
    return refuse(why, "dkim_domain: \"" + printable(settings.domain) + "\" cannot be a domain; IDNs are written as xn--");
  if (!message::is_signing_name(settings.selector))
    return refuse(why, "dkim_selector: \"" + printable(settings.selector) + "\" cannot be a selector");
  signer.domain_ = settings.domain;
  signer.selector_ = settings.selector;

  const std::size_t at = settings.identity.rfind('@');
  const bool is_inside =
      at != std::string::npos && message::is_same_or_below(std::string_view(settings.identity).substr(at + 1), settings.domain);
  if (!settings.identity.empty() && !is_inside)
    return refuse(why, "dkim_identity: \"" + printable(settings.identity) + "\" has no at sign, or is not in or below " +
                           printable(settings.domain));
  signer.identity_ = settings.identity;

  const auto canon = read_canon(settings.canon);
  if (!canon) return refuse(why, "dkim_canon: \"" + printable(settings.canon) + "\" is neither relaxed nor simple");
  signer.canon_ = *canon;

  auto names = read_sign_headers(settings.sign_headers, why);
  if (!names) return std::nullopt;
  signer.names_ = std::move(*names);

  const auto hash = settings.hash.empty() ? crypto::Hash::sha256 : message::read_hash(settings.hash);
  if (hash == crypto::Hash::sha1) return refuse(why, "dkim_hash: sha1 is not to be used any more (RFC 8301); take sha256");
  if (!hash) return refuse(why, "dkim_hash: \"" + printable(settings.hash) + "\" is neither sha256 nor sha512");
  if (key->type() == crypto::KeyType::ed25519 && *hash != crypto::Hash::sha256)
    return refuse(why, "dkim_hash: Ed25519 keys go with sha256 only (RFC 8463)");
  if (key->type() == crypto::KeyType::rsa && key->bits() < kRsaBitsMin)
    return refuse(why,
                  "dkim_private_key: RSA keys have at least 1024 bits (RFC 8301), this one has " + std::to_string(key->bits()));
  signer.algorithm_ = {key->type(), *hash};

  if (!settings.timestamps.empty()) {
    signer.holds_s_ = message::read_number(settings.timestamps);
    if (!signer.holds_s_ || *signer.holds_s_ > 1'000'000'000)
      return refuse(why, "dkim_timestamps: \"" + printable(settings.timestamps) + "\" is no number of seconds");
  }
  signer.key_ = std::move(key);
  return signer;
}

void Signer::begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, WallTime now) {
  created_ = static_cast<std::uint64_t>(std::max<std::int64_t>(now.seconds(), 0));
  body_ = bodies.ask(canon_.body, algorithm_.hash);
  choose_names(headers);
  hasher_.emplace(algorithm_.hash);
  message::HeaderIndex::Choice choice(headers);
  std::string text;
  for (const std::string& name : chosen_) {
    const smtp::HeaderField* const field = choice.next(name);
    if (field == nullptr) continue;
    text.clear();
    message::append_canonical(text, canon_.header, *field);
    hasher_->update(text);
  }
}

void Signer::choose_names(const message::HeaderIndex& headers) {
  chosen_.clear();
  too_many_ = false;
  std::unordered_map<std::string, std::size_t> taken;
  for (const SignedName& wanted : names_) {
    std::string lower;
    smtp::append_lower(lower, wanted.name);
    std::size_t& already = taken[lower];
    const std::size_t there = headers.count(wanted.name);
    const std::size_t left = there - std::min(there, already);
    std::size_t times = 1;
    if (wanted.extent == Extent::all) times = left;
    if (wanted.extent == Extent::all_and_more) times = left + 1;
    already += times;
    too_many_ |= times > message::kSignedNamesMax - chosen_.size();
    if (too_many_) return;
    chosen_.insert(chosen_.end(), times, wanted.name);
  }
}

// All but the value of b=, which stands last.
message::FoldedField Signer::unsigned_field(std::string_view body_hash) const {
  message::FoldedField field(kFieldName);
  field.add("v", "1");
  field.add("a", message::to_string(algorithm_));
  field.add("q", "dns/txt");
  field.add("c", std::string(message::to_string(canon_.header)) + '/' + std::string(message::to_string(canon_.body)));
  field.add("d", domain_);
  field.add("s", selector_);
  if (!identity_.empty()) field.add("i", quoted(identity_));
  if (holds_s_) {
    field.add("t", std::to_string(created_));
    if (*holds_s_ > 0) field.add("x", std::to_string(created_ + *holds_s_));
  }
  field.add_list("h", joined(chosen_));
  field.add_base64("bh", base64(body_hash));
  field.add_base64("b", "");
  return field;
}

std::optional<std::string> Signer::finish(const message::BodyHashes& bodies, std::string& why) {
  if (too_many_) return refuse(why, "more than " + std::to_string(message::kSignedNamesMax) + " header fields to sign");
  const message::BodyHash body = bodies.get(body_);
  if (!body.known) return refuse(why, "the machine's cryptographic policy does not allow the hash");
  message::FoldedField field = unsigned_field(body.digest.view());

  const std::string_view text = field.text();
  const PeerView value(text.substr(kFieldName.size() + 1));
  std::string canonical;
  message::append_canonical_signature(canonical, canon_.header, {PeerView(text.substr(0, kFieldName.size())), value},
                                      value.size(), value.size());
  hasher_->update(canonical);
  crypto::Digest digest;
  const bool hashed = hasher_->snapshot(digest);
  const std::optional<std::string> signature = hashed ? key_->sign(algorithm_.hash, digest) : std::nullopt;
  if (!signature) return refuse(why, "the private key cannot sign by " + message::to_string(algorithm_));
  field.extend_base64(base64(*signature));
  return field.text() + "\r\n";
}

}  // namespace postern::dkim
