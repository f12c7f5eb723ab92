#include "policy/acl/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

#include "engine/base/peer_text.h"
#include "policy/acl/check_conditions.h"
#include "policy/acl/list_conditions.h"
#include "policy/acl/modifiers.h"
#include "policy/acl/rate_condition.h"
#include "policy/acl/verify.h"
#include "policy/expand/conditions.h"
#include "policy/expand/evaluate.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

constexpr Phases kRecipient = set_of(Phase::rcpt, Phase::vrfy, Phase::prdr);
constexpr Phases kSender = kAllPhases & ~set_of(Phase::auth, Phase::connect, Phase::helo, Phase::mailauth, Phase::quit,
                                                Phase::etrn, Phase::expn, Phase::starttls, Phase::vrfy);
constexpr Phases kMessage =
    set_of(Phase::mail, Phase::rcpt, Phase::predata, Phase::data, Phase::mime, Phase::dkim, Phase::prdr);

constexpr Truth truth_of(bool value) noexcept { return value ? Truth::yes : Truth::no; }

// "condition = text": true, false, a number, or nothing.
Truth test_condition(Doing& doing) {
  std::string ignored;
  const std::optional<bool> truth = expand::read_bool(doing.text, ignored);
  if (truth) return truth_of(*truth);
  doing.why = "invalid \"condition\" value \"" + printable(doing.text, 128) + "\"";
  return Truth::unknown;
}

constexpr ConditionDef condition(std::string_view name, Phases phases, ArgumentKind argument, TestFn test,
                                 WaitFn wait = nullptr) {
  return {name, Role::condition, phases, argument, test, wait, {}};
}
constexpr ConditionDef check(expand::Check which, std::string_view name, Phases phases, ArgumentKind argument, TestFn test,
                             WaitFn wait) {
  return {name, Role::condition, phases, argument, test, wait, {}, which};
}
constexpr ConditionDef later(std::string_view name, std::string_view why) {
  return {name, Role::condition, kAllPhases, ArgumentKind::text, nullptr, nullptr, why};
}
constexpr ConditionDef later_modifier(std::string_view name, std::string_view why) {
  return {name, Role::modifier, kAllPhases, ArgumentKind::text, nullptr, nullptr, why};
}
constexpr ConditionDef noted(std::string_view name, Role role, ArgumentKind argument) {
  return {name, role, kAllPhases, argument, nullptr, nullptr, {}};
}
constexpr ConditionDef modifier(std::string_view name, Phases phases, TestFn test, ArgumentKind argument = ArgumentKind::text,
                                WaitFn wait = nullptr) {
  return {name, Role::modifier, phases, argument, test, wait, {}};
}

constexpr std::string_view kScan = "content scanning is not built yet";

constexpr auto kConditions = std::to_array<ConditionDef>({
    {"acl", Role::call, kAllPhases, ArgumentKind::call, nullptr, nullptr, {}},
    modifier("add_header", kMessage, add_header),
    later("arc_status", "ARC is not built yet"),
    later("atrn_domains", "ATRN is not built"),
    condition("authenticated", kAllPhases & ~set_of(Phase::connect, Phase::helo), ArgumentKind::local_part_list,
              test_authenticated, ask_authenticated),
    later_modifier("bmi_optin", "Brightmail is not built yet"),
    condition("condition", kAllPhases, ArgumentKind::text, test_condition),
    modifier("continue", kAllPhases, proceed),
    modifier("control", kAllPhases, set_control, ArgumentKind::control),
    check(expand::Check::dcc, "dcc", set_of(Phase::data), ArgumentKind::text, test_dcc, ask_dcc),
    later("decode", kScan),
    modifier("delay", kAllPhases & ~set_of(Phase::notquit), test_delay, ArgumentKind::text, delay),
    check(expand::Check::dkim, "dkim_signers", set_of(Phase::dkim), ArgumentKind::local_part_list, test_dkim_signers,
          ask_dkim_signers),
    check(expand::Check::dkim, "dkim_status", set_of(Phase::dkim, Phase::data, Phase::mime, Phase::prdr),
          ArgumentKind::local_part_list, test_dkim_status, ask_dkim_status),
    check(expand::Check::dmarc, "dmarc_status", set_of(Phase::data), ArgumentKind::local_part_list, test_dmarc_status,
          ask_dmarc_status),
    condition("dnslists", kAllPhases, ArgumentKind::dnslists, test_dnslists, ask_dnslists),
    condition("domains", kRecipient, ArgumentKind::domain_list, test_domains, ask_domains),
    condition("encrypted", kAllPhases & ~set_of(Phase::connect), ArgumentKind::local_part_list, test_encrypted, ask_encrypted),
    noted("endpass", Role::endpass, ArgumentKind::none),
    condition("hosts", kAllPhases, ArgumentKind::host_list, test_hosts, ask_hosts),
    condition("local_parts", kRecipient, ArgumentKind::local_part_list, test_local_parts, ask_local_parts),
    noted("log_message", Role::log_message, ArgumentKind::text),
    modifier("log_reject_target", kAllPhases, log_reject_target),
    modifier("logwrite", kAllPhases, logwrite),
    later("malware", kScan),
    noted("message", Role::message, ArgumentKind::text),
    later("mime_regex", kScan),
    later_modifier("queue", "named queues are not built"),
    condition("ratelimit", kAllPhases, ArgumentKind::rate, test_rate, ask_rate),
    condition("recipients", set_of(Phase::rcpt, Phase::prdr), ArgumentKind::address_list, test_recipients, ask_recipients),
    later("regex", kScan),
    modifier("remove_header", kMessage, remove_header),
    later("seen", "it is not built"),
    condition("sender_domains", kSender, ArgumentKind::domain_list, test_sender_domains, ask_sender_domains),
    condition("senders", kSender, ArgumentKind::address_list, test_senders, ask_senders),
    modifier("set", kAllPhases, assign, ArgumentKind::assignment),
    later("spam", kScan),
    check(expand::Check::spf, "spf", kMessage, ArgumentKind::spf_results, test_spf, ask_spf),
    condition("spf_guess", kMessage, ArgumentKind::spf_results, test_spf_guess, ask_spf_guess),
    later_modifier("udpsend", "it is not built"),
    condition("verify", kAllPhases, ArgumentKind::verify, test_verify, verify),
});
static_assert(std::ranges::is_sorted(kConditions, {}, &ConditionDef::name));
static_assert(std::ranges::all_of(kConditions, [](const ConditionDef& c) {
  return ((c.role == Role::condition || c.role == Role::modifier) && c.not_built.empty()) == (c.test != nullptr);
}));

}  // namespace

std::span<const ConditionDef> conditions() noexcept { return kConditions; }

const ConditionDef* find_condition(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kConditions, name, {}, &ConditionDef::name);
  return found != kConditions.end() && found->name == name ? found : nullptr;
}

}  // namespace postern::acl
