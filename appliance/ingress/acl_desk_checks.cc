// The checks of messages, as ACLs ask about them.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "appliance/ingress/acl_desk.h"
#include "appliance/ingress/connection_services.h"
#include "engine/smtp/chars.h"
#include "policy/lists/list_text.h"

namespace postern::ingress {
namespace {

using smtp::Decision;
using smtp::Verdict;

constexpr std::size_t kSignersMax = 100;  // of one message that acl_smtp_dkim is asked about

// A name with an at sign is an identity, any other a domain.
bool is_of(const dkim::SignatureResult& result, std::string_view signer) {
  const dkim::Signature& signature = result.signature;
  if (signer.find('@') == signer.npos) return smtp::equal_ignoring_case(signature.domain.view(), signer);
  return signature.has_identity && smtp::equal_ignoring_case(signature.identity.view(), signer);
}

// Each once.
std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  lists::ListReader reader(list);
  for (std::string name; names.size() < kSignersMax && reader.next(name);)
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace

void AclDesk::begin_checks(const smtp::Envelope& envelope) {
  if (!checks_) checks_ = std::make_unique<checks::MessageChecks>(policy_.checks, shared_.checks);
  checks_->begin({.address = session_.endpoints.peer.address,
                  .sender = PeerText(envelope.sender().address.text().view()),
                  .helo = session_.helo},
                 session_.transaction_checks);
}

void AclDesk::header_complete(const smtp::Envelope& envelope, const smtp::HeaderView& headers) {
  if (!checks_) return;
  checks_->header_complete(headers, {.dkim = state_.controls.dkim_verify, .dmarc = state_.controls.dmarc_verify});
  if (policy_.checks.wanted.has(expand::Check::dcc)) start_dcc(envelope, headers);
}

void AclDesk::start_dcc(const smtp::Envelope& envelope, const smtp::HeaderView& headers) {
  dcc::Client* const client = language().dcc();
  if (client == nullptr) return;
  dcc::Request request{.options = language().language().dccifd_options,
                       .client = session_.endpoints.peer.address,
                       .client_name = session_.host_name,
                       .helo = session_.helo,
                       .sender = PeerText(envelope.sender().address.text().view())};
  for (const smtp::Recipient& each : envelope.recipients()) request.recipients.emplace_back(each.address.text().view());
  if (const auto override_ip = state_.message_variables.get("acl_m_dcc_override_client_ip");
      override_ip && !override_ip->text.empty()) {
    if (const auto address = dcc::parse_client_override(override_ip->text)) {
      request.client = *address;
      request.client_name = PeerText();
    } else {
      trouble("acl_m_dcc_override_client_ip: " + address.error());
    }
  }
  checks_->set_dcc(client->start(request, headers.block()));
}

auth_results::Checks AclDesk::found_by_checks() const { return checks_ ? checks_->found() : auth_results::Checks(); }

// Texts that were read when they were needed may ask for what the configuration did not seem to want.
checks::MessageChecks* AclDesk::checks() {
  const bool has_message = scene_.envelope != nullptr && scene_.envelope->has_sender();
  if (!has_message) return nullptr;
  if (!checks_) begin_checks(*scene_.envelope);
  return checks_.get();
}

Task<Verdict> AclDesk::judge_signers(AclScene scene) {
  const checks::Signatures* const results = co_await checks_->dkim(wait());
  Verdict verdict;
  if (results != nullptr && policy_.has_acl(acl::Phase::dkim)) {
    std::string list;
    const expand::EvalResult expanded = co_await expand::evaluate_waiting(policy_.dkim_verify_signers, variables(), list);
    if (expanded.status == expand::EvalStatus::failed)
      trouble(fmt::format("expansion of dkim_verify_signers option failed: {}", expanded.why));
    if (expanded) verdict = co_await judge_names(names_of(list), *results, scene);
  }
  checks_->end_signers();
  co_return verdict;
}

Task<Verdict> AclDesk::judge_names(std::vector<std::string> names, const checks::Signatures& results, AclScene scene) {
  Verdict verdict;
  for (const std::string& name : names) {
    bool has_signature = false;
    for (const dkim::SignatureResult& result : results) {
      if (!is_of(result, name)) continue;
      has_signature = true;
      verdict = co_await judge_signer(name, &result, scene);
      if (verdict.decision != Decision::accept) co_return verdict;
    }
    if (!has_signature) verdict = co_await judge_signer(name, nullptr, scene);
    if (verdict.decision != Decision::accept) co_return verdict;
  }
  co_return verdict;
}

Task<Verdict> AclDesk::judge_signer(std::string name, const dkim::SignatureResult* result, AclScene scene) {
  checks_->set_signer(std::move(name), result);
  std::optional<Verdict> verdict = ask(acl::Phase::dkim, Decision::accept, scene);
  co_return verdict ? *std::move(verdict) : co_await go_on();
}

}  // namespace postern::ingress
