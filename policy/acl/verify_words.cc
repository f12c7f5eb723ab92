#include "policy/acl/verify_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/peer_text.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

constexpr Phases kData = set_of(Phase::data, Phase::prdr);
constexpr Phases kSender = set_of(Phase::mail, Phase::rcpt, Phase::predata, Phase::data, Phase::prdr, Phase::mime, Phase::dkim);

constexpr VerifyDef built(std::string_view name, VerifyWhat what, Phases phases) { return {name, what, phases, {}}; }
constexpr VerifyDef later(std::string_view name, std::string_view why) { return {name, VerifyWhat::helo, kAllPhases, why}; }

constexpr auto kVerifications = std::to_array<VerifyDef>({
    built("arc", VerifyWhat::arc, set_of(Phase::data)),
    later("certificate", "TLS is not built yet"),
    built("csa", VerifyWhat::csa, kAllPhases),
    built("header_names_ascii", VerifyWhat::header_names_ascii, kData),
    built("header_sender", VerifyWhat::header_sender, kData),
    built("header_syntax", VerifyWhat::header_syntax, kData),
    built("helo", VerifyWhat::helo, kAllPhases & ~set_of(Phase::connect)),
    built("not_blind", VerifyWhat::not_blind, kData),
    built("recipient", VerifyWhat::recipient, set_of(Phase::rcpt, Phase::vrfy, Phase::prdr)),
    built("reverse_host_lookup", VerifyWhat::reverse_host_lookup, kAllPhases),
    built("sender", VerifyWhat::sender, kSender),
});
static_assert(std::ranges::is_sorted(kVerifications, {}, &VerifyDef::name));

bool read_callout_option(std::string_view option, VerifyWords& words, std::string& why) {
  option.remove_prefix(std::string_view("callout").size());
  option = lists::trim(option);
  if (option.starts_with('=')) option.remove_prefix(1);
  words.callout = routing::read_callout(lists::trim(option), why);
  if (!words.callout) return false;
  const bool is_recipient = words.def->what == VerifyWhat::recipient;
  if (!is_recipient && words.callout->from != routing::CalloutSender::null)
    why = "verify: the callout options \"use_sender\" and \"use_postmaster\" are for verify = recipient";
  else if (words.def->what != VerifyWhat::header_sender && !words.callout->mailfrom.empty())
    why = "verify: the callout option \"mailfrom\" is for verify = header_sender";
  return why.empty();
}

bool read_option(std::string_view option, VerifyWords& words, std::string& why) {
  const VerifyWhat what = words.def->what;
  const bool is_address = what == VerifyWhat::sender || what == VerifyWhat::recipient || what == VerifyWhat::header_sender;
  if ((what == VerifyWhat::csa || what == VerifyWhat::arc) && words.address.empty() && !option.empty()) {
    words.address = option;
    return true;
  }
  if (option == "defer_ok" && (is_address || what == VerifyWhat::reverse_host_lookup)) return words.defer_ok = true;
  if (option == "case_insensitive" && what == VerifyWhat::not_blind) return words.case_insensitive = true;
  if (option == "no_details" && is_address) return words.no_details = true;
  if (option == "success_on_redirect" && is_address) return words.success_on_redirect = true;
  if (is_address && (option == "callout" || option.starts_with("callout=") || option.starts_with("callout ")))
    return read_callout_option(option, words, why);
  if (is_address && option.starts_with("quota")) {
    why = "verify: quotas of mailboxes are not looked at here";
    return false;
  }
  why = fmt::format("verify = {} does not take the option \"{}\"", words.def->name, printable(option, 64));
  return false;
}

}  // namespace

std::span<const VerifyDef> verifications() noexcept { return kVerifications; }

std::optional<VerifyWords> read_verify(std::string_view text, std::string& why) {
  lists::ListReader reader(text, '/');
  std::string item;
  if (!reader.next(item)) {
    why = "verify: it does not say what to verify";
    return std::nullopt;
  }
  const std::size_t equals = item.find('=');
  const std::string_view name = lists::trim(std::string_view(item).substr(0, equals));
  const auto* const found = std::ranges::lower_bound(kVerifications, name, {}, &VerifyDef::name);
  if (found == kVerifications.end() || found->name != name) {
    why = fmt::format("verify: unknown word \"{}\"{}", printable(name, 64), expand::did_you_mean(name, verifications()));
    return std::nullopt;
  }
  if (!found->not_built.empty()) {
    why = fmt::format("verify = {} cannot be used: {}", name, found->not_built);
    return std::nullopt;
  }
  VerifyWords words;
  words.def = found;
  if (equals != std::string::npos) {
    if (found->what != VerifyWhat::sender) {
      why = fmt::format("verify = {} takes no \"=\"", name);
      return std::nullopt;
    }
    words.address = lists::trim(std::string_view(item).substr(equals + 1));
  }
  while (reader.next(item))
    if (!read_option(item, words, why)) return std::nullopt;
  return words;
}

}  // namespace postern::acl
