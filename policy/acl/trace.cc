#include "policy/acl/trace.h"

#include <fmt/format.h>

#include <string_view>
#include <variant>

#include "policy/acl/conditions.h"
#include "policy/acl/verify_words.h"
#include "policy/acl/world.h"
#include "policy/checks/message_checks.h"
#include "policy/lists/facts.h"

namespace postern::acl {

namespace {

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

lists::ListFacts& facts_of(const Doing& doing) {
  static lists::ListFacts nobody;
  return doing.subject.world != nullptr ? doing.subject.world->facts() : nobody;
}

checks::MessageChecks* checks_of(const Doing& doing) {
  return doing.subject.world != nullptr ? doing.subject.world->checks() : nullptr;
}

StepAccount account_of_list(const Doing& doing, const lists::DomainList& list) {
  const AclSubject& subject = doing.subject;
  std::string domain(doing.step->def->name == "sender_domains" ? domain_of(subject.sender) : subject.domain);
  std::string how = list.how(domain, facts_of(doing));
  return {std::move(domain), std::move(how)};
}

StepAccount account_of_list(const Doing& doing, const lists::HostList& list) {
  return {doing.subject.client.to_string(), list.how(doing.subject.client, facts_of(doing))};
}

StepAccount account_of_list(const Doing& doing, const lists::AddressList& list) {
  const AclSubject& subject = doing.subject;
  const std::string_view address = doing.step->def->name == "senders" ? subject.sender : subject.recipient;
  return {fmt::format("<{}>", address), list.how(address, facts_of(doing))};
}

StepAccount account_of_list(const Doing& doing, const lists::LocalPartList& list) {
  const std::string_view name = doing.step->def->name;
  if (name == "local_parts")
    return {std::string(doing.subject.local_part), list.how(doing.subject.local_part, facts_of(doing))};
  const checks::MessageChecks* const checks = checks_of(doing);
  if (checks == nullptr) return {};  // of names that are not known
  std::string_view subject;
  if (name == "dkim_signers") subject = checks->signer();
  if (name == "dkim_status") subject = checks->dkim_status();
  if (name == "dmarc_status" && checks->told_dmarc() != nullptr) subject = to_string(checks->told_dmarc()->status);
  return {std::string(subject), subject.empty() ? std::string() : list.how(subject, facts_of(doing))};
}

// What a check that was asked has found.
std::string found_by_check(const Doing& doing, const checks::MessageChecks& checks) {
  const std::string_view name = doing.step->def->name;
  if (const spf::Outcome* const spf = checks.told_spf(); spf != nullptr && name.starts_with("spf"))
    return fmt::format("SPF is {}: {}", to_string(spf->result), spf->header_comment.view());
  if (const dcc::Result* const dcc = checks.told_dcc(); dcc != nullptr && name == "dcc")
    return fmt::format("DCC says {}", dcc->letter);
  const auto* const told = std::get_if<Told<VerifyWords>>(&doing.step->argument);
  const bool is_arc = told != nullptr && told->words && told->words->def->what == VerifyWhat::arc;
  if (const arc::Result* const arc = checks.told_arc(); arc != nullptr && is_arc)
    return fmt::format("ARC is {}{}{}", to_string(arc->status), arc->reason.empty() ? "" : ": ", arc->reason);
  return {};
}

// What other conditions leave behind for expansions tells why they came out as they did.
std::string found_by(const Doing& doing, Truth truth) {
  if (!doing.log_message.empty()) return doing.log_message;
  if (!doing.message.empty()) return doing.message;
  if (const checks::MessageChecks* const checks = checks_of(doing))
    if (std::string found = found_by_check(doing, *checks); !found.empty()) return found;
  const AclState* const state = doing.subject.state;
  if (state == nullptr) return {};
  const std::string_view name = doing.step->def->name;
  if (name == "ratelimit")
    return fmt::format("rate {} in {}, limit {}", state->sender_rate, state->sender_rate_period, state->sender_rate_limit);
  if (name == "dnslists" && truth == Truth::yes)
    return fmt::format("{} is listed in {}: {}{}{}", state->dnslist_matched, state->dnslist_domain, state->dnslist_value,
                       state->dnslist_text.empty() ? "" : ", ", state->dnslist_text);
  return {};
}

}  // namespace

StepAccount account_of(const Doing& doing, Truth truth) {
  if (truth == Truth::unknown || truth == Truth::error) return {doing.text, doing.why};
  if (truth == Truth::ignored) return {doing.text, "its expansion was forced to fail"};
  return std::visit(
      [&]<class Argument>(const Argument& argument) -> StepAccount {
        if constexpr (std::is_base_of_v<lists::AnyList, Argument>) return account_of_list(doing, argument);
        return {doing.text, found_by(doing, truth)};
      },
      doing.step->argument);
}

}  // namespace postern::acl
