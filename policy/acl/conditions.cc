#include "policy/acl/conditions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

#include "engine/base/peer_text.h"
#include "policy/expand/conditions.h"
#include "policy/expand/evaluate.h"

namespace postern::acl {

namespace {

constexpr Phases kRecipient = set_of(Phase::rcpt, Phase::vrfy, Phase::prdr);
constexpr Phases kSender = kAllPhases & ~set_of(Phase::auth, Phase::connect, Phase::helo, Phase::mailauth, Phase::quit,
                                                Phase::etrn, Phase::expn, Phase::starttls, Phase::vrfy);

constexpr Truth truth_of(bool value) noexcept { return value ? Truth::yes : Truth::no; }

constexpr std::string_view domain_of(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

Truth test_domains(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::DomainList>(argument).matches(subject.domain));
}

Truth test_hosts(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::HostList>(argument).matches(subject.client));
}

Truth test_local_parts(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::LocalPartList>(argument).matches(subject.local_part));
}

Truth test_recipients(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::AddressList>(argument).matches(subject.recipient));
}

Truth test_sender_domains(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::DomainList>(argument).matches(domain_of(subject.sender)));
}

Truth test_senders(const Argument& argument, const AclSubject& subject, std::string&) {
  return truth_of(std::get<lists::AddressList>(argument).matches(subject.sender));
}

// "condition = text": true, false, a number, or nothing. After a forced failure it is as if it were not there.
Truth test_condition(const Argument& argument, const AclSubject& subject, std::string& why) {
  std::string value;
  const expand::EvalResult result = expand::evaluate(std::get<expand::Program>(argument), subject.variables, value);
  if (result.status == expand::EvalStatus::forced_failure) return Truth::ignored;
  if (!result) {
    why = "failed to expand ACL string \"";
    why.append(std::get<expand::Program>(argument).source()).append("\": ").append(result.why);
    return Truth::unknown;
  }
  std::string ignored;
  const std::optional<bool> truth = expand::read_bool(value, ignored);
  if (truth) return truth_of(*truth);
  why = "invalid \"condition\" value \"" + printable(value, 128) + "\"";
  return Truth::unknown;
}

constexpr ConditionDef condition(std::string_view name, Phases phases, ArgumentKind argument, TestFn test) {
  return {name, Role::condition, phases, argument, test, {}};
}
constexpr ConditionDef later(std::string_view name, std::string_view why) {
  return {name, Role::condition, kAllPhases, ArgumentKind::text, nullptr, why};
}
constexpr ConditionDef later_modifier(std::string_view name, std::string_view why) {
  return {name, Role::other_modifier, kAllPhases, ArgumentKind::text, nullptr, why};
}
constexpr ConditionDef modifier(std::string_view name, Role role, ArgumentKind argument) {
  return {name, role, kAllPhases, argument, nullptr, {}};
}

constexpr std::string_view kLater = "it is not built yet";
constexpr std::string_view kScan = "content scanning is not built yet";

constexpr auto kConditions = std::to_array<ConditionDef>({
    later("acl", kLater),
    later_modifier("add_header", kLater),
    later("arc_status", "ARC is not built yet"),
    later("atrn_domains", "ATRN is not built"),
    later("authenticated", "SMTP AUTH is not built yet"),
    later_modifier("bmi_optin", "Brightmail is not built yet"),
    condition("condition", kAllPhases, ArgumentKind::text, test_condition),
    modifier("continue", Role::proceed, ArgumentKind::text),
    later_modifier("control", kLater),
    later("dcc", "DCC is not built yet"),
    later("decode", kScan),
    later_modifier("delay", kLater),
    later("dkim_signers", "DKIM is not built yet"),
    later("dkim_status", "DKIM is not built yet"),
    later("dmarc_status", "DMARC is not built yet"),
    later("dnslists", "DNS lists are not built yet"),
    condition("domains", kRecipient, ArgumentKind::domain_list, test_domains),
    later("encrypted", "TLS is not built yet"),
    modifier("endpass", Role::endpass, ArgumentKind::none),
    condition("hosts", kAllPhases, ArgumentKind::host_list, test_hosts),
    condition("local_parts", kRecipient, ArgumentKind::local_part_list, test_local_parts),
    modifier("log_message", Role::log_message, ArgumentKind::text),
    later_modifier("log_reject_target", kLater),
    later_modifier("logwrite", kLater),
    later("malware", kScan),
    modifier("message", Role::message, ArgumentKind::text),
    later("mime_regex", kScan),
    later_modifier("queue", kLater),
    later("ratelimit", "rate limits are not built yet"),
    condition("recipients", set_of(Phase::rcpt, Phase::prdr), ArgumentKind::address_list, test_recipients),
    later("regex", kScan),
    later_modifier("remove_header", kLater),
    later("seen", "rate limits are not built yet"),
    condition("sender_domains", kSender, ArgumentKind::domain_list, test_sender_domains),
    condition("senders", kSender, ArgumentKind::address_list, test_senders),
    later_modifier("set", "ACL variables are not built yet"),
    later("spam", kScan),
    later("spf", "SPF is not built yet"),
    later("spf_guess", "SPF is not built yet"),
    later_modifier("udpsend", kLater),
    later("verify", "verification is not built yet"),
});
static_assert(std::ranges::is_sorted(kConditions, {}, &ConditionDef::name));
static_assert(std::ranges::all_of(kConditions, [](const ConditionDef& c) {
  return (c.role == Role::condition && c.not_built.empty()) == (c.test != nullptr);
}));

}  // namespace

std::span<const ConditionDef> conditions() noexcept { return kConditions; }

const ConditionDef* find_condition(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kConditions, name, {}, &ConditionDef::name);
  return found != kConditions.end() && found->name == name ? found : nullptr;
}

}  // namespace postern::acl
