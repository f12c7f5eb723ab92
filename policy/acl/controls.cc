#include "policy/acl/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/peer_text.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

constexpr Phases kBeforeData = set_of(Phase::connect, Phase::helo, Phase::mail, Phase::rcpt, Phase::predata, Phase::starttls,
                                      Phase::auth, Phase::vrfy, Phase::expn, Phase::etrn, Phase::mailauth);
constexpr Phases kEarly = set_of(Phase::connect, Phase::helo, Phase::mail, Phase::rcpt);
constexpr Phases kMessage =
    set_of(Phase::mail, Phase::rcpt, Phase::predata, Phase::data, Phase::mime, Phase::dkim, Phase::prdr);

constexpr ControlDef built(std::string_view name, Control control, Phases phases, std::string_view options = {}) {
  return {name, control, phases, options, {}};
}
constexpr ControlDef later(std::string_view name, std::string_view why) {
  return {name, Control::no_effect, kAllPhases, "*", why};
}

constexpr std::string_view kNoQueueRunner = "postern has no queue runners that a message could wait for";

constexpr auto kControls = std::to_array<ControlDef>({
    later("allow_auth_unadvertised", "SMTP AUTH is not built yet"),
    later("bmi_run", "Brightmail is not built yet"),
    built("caseful_local_part", Control::caseful_local_part, set_of(Phase::rcpt)),
    built("caselower_local_part", Control::caselower_local_part, set_of(Phase::rcpt)),
    later("cutthrough_delivery", "a message is always made durable before it is delivered"),
    later("debug", "there is no debugging output to switch on; postern probe shows what an ACL does"),
    built("dkim_disable_verify", Control::dkim_disable_verify, kMessage | kEarly),
    built("dmarc_disable_verify", Control::dmarc_disable_verify, kMessage & ~set_of(Phase::data)),
    built("dmarc_enable_forensic", Control::dmarc_enable_forensic, kMessage & ~set_of(Phase::data)),
    later("dscp", "it is not built"),
    built("enforce_sync", Control::enforce_sync, kBeforeData),
    built("fakedefer", Control::fakedefer, kMessage, "*"),
    built("fakereject", Control::fakereject, kMessage, "*"),
    built("freeze", Control::freeze, kMessage, "no_tell"),
    built("no_callout_flush", Control::no_effect, kAllPhases),  // callouts are not built: nothing is flushed for one
    built("no_delay_flush", Control::no_delay_flush, kAllPhases),
    built("no_enforce_sync", Control::no_enforce_sync, kBeforeData),
    built("no_mbox_unspool", Control::no_effect, kMessage),  // there is no mailbox file to keep
    built("no_multiline_responses", Control::no_multiline_responses, kAllPhases),
    built("no_pipelining", Control::no_pipelining, kAllPhases),
    later("queue", kNoQueueRunner),
    later("queue_only", kNoQueueRunner),
    later("requiretls", "REQUIRETLS is not built yet"),
    later("submission", "postern does not complete messages that users submit"),
    // postern makes no fixups for local senders.
    built("suppress_local_fixups", Control::no_effect, kMessage & ~set_of(Phase::data)),
    later("utf8_downconvert", "addresses are not converted"),
    later("wellknown", "it is not built"),
});
static_assert(std::ranges::is_sorted(kControls, {}, &ControlDef::name));

bool takes(const ControlDef& def, std::string_view option) noexcept {
  if (option.empty() || def.options == "*") return true;
  return !def.options.empty() && option == def.options;
}

}  // namespace

void Controls::end_of_message() {
  fake = Fake::none;
  fake_text.clear();
  freeze = false;
  dkim_verify = true;
  dmarc_verify = true;
  dmarc_forensic = false;
  caseful_local_part = false;
}

std::span<const ControlDef> controls() noexcept { return kControls; }

std::optional<ControlSetting> read_control(std::string_view text, std::string& why) {
  text = lists::trim(text);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view name = text.substr(0, slash);
  const std::string_view option = slash < text.size() ? text.substr(slash + 1) : std::string_view();
  const auto* const found = std::ranges::lower_bound(kControls, name, {}, &ControlDef::name);
  if (found == kControls.end() || found->name != name) {
    why = fmt::format("unknown control \"{}\"{}", printable(name, 64), expand::did_you_mean(name, controls()));
    return std::nullopt;
  }
  if (!found->not_built.empty()) {
    why = fmt::format("control = {} cannot be used: {}", name, found->not_built);
    return std::nullopt;
  }
  if (!takes(*found, option)) {
    why = fmt::format("control = {} does not take the option \"{}\"", name, printable(option, 64));
    return std::nullopt;
  }
  return ControlSetting{found, std::string(option)};
}

void apply(const ControlSetting& setting, Controls& to) {
  switch (setting.def->control) {
    case Control::caseful_local_part: to.caseful_local_part = true; break;
    case Control::caselower_local_part: to.caseful_local_part = false; break;
    case Control::dkim_disable_verify: to.dkim_verify = false; break;
    case Control::dmarc_disable_verify: to.dmarc_verify = false; break;
    case Control::dmarc_enable_forensic: to.dmarc_forensic = true; break;
    case Control::enforce_sync: to.enforce_sync = true; break;
    case Control::no_enforce_sync: to.enforce_sync = false; break;
    case Control::fakedefer:
    case Control::fakereject:
      to.fake = setting.def->control == Control::fakedefer ? Fake::defer : Fake::reject;
      to.fake_text = setting.option;
      break;
    case Control::freeze: to.freeze = true; break;
    case Control::no_delay_flush: to.delay_flush = false; break;
    case Control::no_multiline_responses: to.multiline_responses = false; break;
    case Control::no_pipelining: to.pipelining = false; break;
    case Control::no_effect: break;
  }
}

}  // namespace postern::acl
