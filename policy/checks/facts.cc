#include "policy/checks/facts.h"

#include <string_view>
#include <utility>

#include "policy/dkim/reason.h"

namespace postern::checks {

using auth_results::Result;

Result to_auth_result(spf::Result result) noexcept {
  switch (result) {
    case spf::Result::none: return Result::none;
    case spf::Result::neutral: return Result::neutral;
    case spf::Result::pass: return Result::pass;
    case spf::Result::fail: return Result::fail;
    case spf::Result::softfail: return Result::softfail;
    case spf::Result::temperror: return Result::temperror;
    case spf::Result::permerror: return Result::permerror;
  }
  return Result::none;
}

Result to_auth_result(const dkim::SignatureResult& signature) noexcept {
  if (signature.status == dkim::Status::none) return Result::none;
  const std::string_view word = dkim::words(signature.reason).authres;
  for (const Result each : {Result::pass, Result::fail, Result::neutral, Result::policy, Result::temperror, Result::permerror})
    if (to_string(each) == word) return each;
  return Result::neutral;
}

dmarc::Facts dmarc_facts(const spf::Outcome* spf, const Signatures* signatures) {
  dmarc::Facts facts;
  // A guess is nobody's word.
  if (spf != nullptr && !spf->guessed) facts.spf = {.result = to_auth_result(spf->result), .domain = spf->domain};
  if (signatures == nullptr) return facts;
  for (const dkim::SignatureResult& each : *signatures)
    facts.dkim.push_back({to_auth_result(each), each.signature.domain, each.signature.selector});
  return facts;
}

auth_results::Spf spf_element(const spf::Outcome& outcome, const PeerText& sender, const PeerText& helo) {
  const std::string_view address = sender.view();
  const std::size_t at = address.rfind('@');
  return {.result = to_auth_result(outcome.result),
          .guessed = outcome.guessed,
          .sender_domain = PeerText(at == address.npos ? std::string_view() : address.substr(at + 1)),
          .helo = helo};
}

auth_results::Dkim dkim_element(const dkim::SignatureResult& signature) {
  return {.result = to_auth_result(signature),
          .reason = std::string(dkim::words(signature.reason).text),
          .domain = signature.signature.domain,
          .identity = signature.signature.identity,
          .selector = signature.signature.selector,
          .algorithm = to_string(signature.signature.algorithm)};
}

}  // namespace postern::checks
