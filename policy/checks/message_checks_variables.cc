// What the variables of checks show. Of a check that no ACL has asked for, nothing; of a signature that is not there, what Exim
// shows then.
#include <string>
#include <utility>

#include "policy/checks/message_checks.h"
#include "policy/dkim/reason.h"
#include "policy/expand/text_operand.h"

namespace postern::checks {
namespace {

using Id = expand::VariableId;

constexpr std::string_view kNoNumber = "9999999999999";

std::string_view number(std::uint64_t value, std::string& scratch) {
  scratch.clear();
  expand::append_number(scratch, value);
  return scratch;
}

std::string_view number_or(const std::optional<std::uint64_t>& value, std::string_view absent, std::string& scratch) {
  return value ? number(*value, scratch) : absent;
}

std::string_view flag(bool value) { return value ? "1" : "0"; }

std::string_view names(const std::vector<PeerText>& list, std::string& scratch) {
  scratch.clear();
  for (const PeerText& each : list) {
    if (!scratch.empty()) scratch += ':';
    scratch += each.view();
  }
  return scratch;
}

std::string_view of_spf(const spf::Outcome& outcome, Id id) {
  switch (id) {
    case Id::spf_header_comment: return outcome.header_comment.view();
    case Id::spf_received: return outcome.received.view();
    case Id::spf_result: return to_string(outcome.result);
    case Id::spf_result_guessed: return outcome.guessed ? "yes" : "no";
    case Id::spf_smtp_comment: return outcome.smtp_comment.view();
    case Id::spf_used_domain: return outcome.domain.view();
    default: return {};
  }
}

std::string_view of_dmarc(const dmarc::Outcome& outcome, Id id) {
  switch (id) {
    case Id::dmarc_alignment_dkim: return outcome.dkim_aligned ? "yes" : "no";
    case Id::dmarc_alignment_spf: return outcome.spf_aligned ? "yes" : "no";
    case Id::dmarc_domain_policy: return outcome.domain_policy ? to_string(*outcome.domain_policy) : std::string_view();
    case Id::dmarc_status: return to_string(outcome.status);
    case Id::dmarc_status_text: return outcome.text;
    case Id::dmarc_used_domain: return outcome.used_domain;
    default: return {};
  }
}

std::string_view of_arc(const arc::Result& result, Id id, std::string& scratch) {
  switch (id) {
    case Id::arc_domains: return scratch = result.domains();
    case Id::arc_oldest_pass: return number(result.oldest_pass, scratch);
    case Id::arc_state: return to_string(result.status);
    case Id::arc_state_reason: return result.reason;
    default: return {};
  }
}

std::string_view of_key(const dkim::SignatureResult* result, Id id, std::string& scratch) {
  const dkim::KeyRecord* const record = result != nullptr && result->record ? &*result->record : nullptr;
  switch (id) {
    case Id::dkim_key_granularity: return record != nullptr ? record->granularity.view() : "*";
    case Id::dkim_key_length: return number(result != nullptr ? result->key_bits : 0, scratch);
    case Id::dkim_key_nosubdomains: return flag(record != nullptr && record->no_subdomains);
    case Id::dkim_key_notes: return record != nullptr ? record->notes.view() : std::string_view();
    case Id::dkim_key_srvtype: return record != nullptr ? record->service_types.view() : "*";
    case Id::dkim_key_testing: return flag(record != nullptr && record->testing);
    default: return {};
  }
}

std::string_view of_signature(const dkim::SignatureResult* result, Id id, std::string& scratch) {
  static const dkim::Signature kNone;
  const dkim::Signature& signature = result != nullptr ? result->signature : kNone;
  switch (id) {
    case Id::dkim_algo: return signature.algorithm_text.view();
    case Id::dkim_bodylength: return number_or(signature.length, kNoNumber, scratch);
    case Id::dkim_canon_body: return result != nullptr ? to_string(signature.canon.body) : std::string_view();
    case Id::dkim_canon_headers: return result != nullptr ? to_string(signature.canon.header) : std::string_view();
    case Id::dkim_copiedheaders: return signature.copied.view();
    case Id::dkim_created: return number_or(signature.created, "0", scratch);
    case Id::dkim_domain: return signature.domain.view();
    case Id::dkim_expires: return number_or(signature.expires, kNoNumber, scratch);
    case Id::dkim_headernames: return names(signature.names, scratch);
    case Id::dkim_identity: return signature.has_identity ? signature.identity.view() : std::string_view();
    case Id::dkim_selector: return signature.selector.view();
    case Id::dkim_verify_reason: return result != nullptr ? dkim::words(result->reason).exim : std::string_view();
    case Id::dkim_verify_status: return dkim::to_string(result != nullptr ? result->status : dkim::Status::none);
    default: return of_key(result, id, scratch);
  }
}

}  // namespace

std::string_view MessageChecks::variable(Id id, std::string& scratch) const {
  if (id >= Id::spf_header_comment && id <= Id::spf_used_domain)
    return told_spf_ != nullptr ? of_spf(*told_spf_, id) : std::string_view();
  if (id >= Id::arc_domains && id <= Id::arc_state_reason)
    return told_arc_ != nullptr ? of_arc(*told_arc_, id, scratch) : std::string_view();
  if (id == Id::dcc_header) return told_dcc_ != nullptr ? told_dcc_->header.view() : std::string_view();
  if (id == Id::dcc_result) return told_dcc_ != nullptr ? std::string_view(told_dcc_->letter) : std::string_view();
  if (id == Id::dmarc_ar_header) return dmarc_field_;
  if (id >= Id::dmarc_alignment_dkim && id <= Id::dmarc_used_domain) return dmarc_ ? of_dmarc(*dmarc_, id) : std::string_view();
  if (id < Id::dkim_algo || id > Id::dkim_verify_status) return {};
  switch (id) {
    case Id::dkim_cur_signer: return signer_;
    case Id::dkim_signers: return signers(scratch);
    case Id::dkim_verify_status: return dkim_status();
    default: return of_signature(signature_, id, scratch);
  }
}

// As Exim lists them: of each signature the domain, and the identity where it has one.
std::string_view MessageChecks::signers(std::string& scratch) const {
  scratch.clear();
  const Signatures* const results = dkim_now();
  if (results == nullptr) return scratch;
  for (const dkim::SignatureResult& each : *results) {
    const std::string_view identity = each.signature.has_identity ? each.signature.identity.view() : std::string_view();
    for (const std::string_view name : {each.signature.domain.view(), identity}) {
      if (name.empty()) continue;
      if (!scratch.empty()) scratch += ':';
      scratch += name;
    }
  }
  return scratch;
}

}  // namespace postern::checks
