#include "appliance/config/log_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/nearest.h"

namespace postern::config {

namespace {

constexpr auto kSelectors = std::to_array<LogSelectorDef>({
    {"8bitmime", false, false},
    {"acl_warn_skipped", true, false},
    {"address_rewrite", false, false},
    {"all_parents", false, false},
    {"arguments", false, false},
    {"connection_id", false, false},
    {"connection_reject", true, false},
    {"delay_delivery", true, false},
    {"deliver_time", false, false},
    {"delivery_size", false, false},
    {"dkim", true, false},
    {"dkim_verbose", false, false},
    {"dmarc", false, false},
    {"dmarc_verbose", false, false},
    {"dnslist_defer", true, false},
    {"dnssec", false, false},
    {"etrn", true, false},
    {"host_lookup_failed", true, true},
    {"ident_timeout", false, false},
    {"incoming_interface", false, false},
    {"incoming_port", false, false},
    {"lost_incoming_connection", true, false},
    {"millisec", false, false},
    {"msg_id", true, false},
    {"msg_id_created", false, false},
    {"outgoing_interface", false, false},
    {"outgoing_port", false, true},
    {"pid", false, false},
    {"pipelining", false, false},
    {"protocol_detail", false, false},
    {"proxy", false, true},
    {"queue_run", true, false},
    {"queue_time", false, false},
    {"queue_time_exclusive", false, false},
    {"queue_time_overall", false, false},
    {"receive_time", false, false},
    {"received_recipients", false, false},
    {"received_sender", false, false},
    {"rejected_header", true, false},
    {"retry_defer", true, false},
    {"return_path_on_delivery", false, false},
    {"sender_on_delivery", false, false},
    {"sender_verify_fail", true, false},
    {"size_reject", true, false},
    {"skip_delivery", true, false},
    {"smtp_confirmation", true, true},
    {"smtp_connection", false, false},
    {"smtp_incomplete_transaction", false, false},
    {"smtp_mailauth", false, false},
    {"smtp_no_mail", false, false},
    {"smtp_protocol_error", false, false},
    {"smtp_syntax_error", false, false},
    {"spf", false, false},
    {"spf_verbose", false, false},
    {"subject", false, false},
    {"tls_certificate_verified", true, false},
    {"tls_cipher", true, false},
    {"tls_on_connect", false, false},
    {"tls_peerdn", false, false},
    {"tls_resumption", false, false},
    {"tls_sni", false, false},
    {"unknown_in_list", false, false},
});
static_assert(std::ranges::is_sorted(kSelectors, {}, &LogSelectorDef::name));
static_assert(kSelectors.size() <= LogSelectors::kMax);

constexpr bool is_blank(char c) noexcept { return smtp::is(smtp::CharClass::blank, c); }

}  // namespace

std::span<const LogSelectorDef> log_selectors() noexcept { return kSelectors; }

LogSelectors::LogSelectors() {
  for (std::size_t i = 0; i < kSelectors.size(); ++i) on_[i] = kSelectors[i].on_by_default;
}

bool LogSelectors::has(std::string_view name) const noexcept {
  const auto* const found = std::ranges::lower_bound(kSelectors, name, {}, &LogSelectorDef::name);
  return found != kSelectors.end() && found->name == name && on_[static_cast<std::size_t>(found - kSelectors.begin())];
}

void LogSelectors::apply(const expand::ConfigText& text, expand::Diagnostics& diagnostics) {
  const std::string_view view = text.view();
  for (std::size_t at = 0; at < view.size();) {
    if (is_blank(view[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    const char sign = view[at];
    std::size_t name_at = at + (sign == '+' || sign == '-' ? 1 : 0);
    while (name_at < view.size() && is_blank(view[name_at])) ++name_at;
    std::size_t end = name_at;
    while (end < view.size() && !is_blank(view[end]) && view[end] != '+' && view[end] != '-') ++end;
    at = std::max(end, begin + 1);
    const std::string_view name = view.substr(name_at, end - name_at);
    if (sign != '+' && sign != '-') {
      diagnostics.error(text.position(begin),
                        fmt::format("log_selector: + or - is missing before \"{}\"", printable(name, 64)));
      continue;
    }
    if (name == "all") {
      sign == '+' ? on_.set() : on_.reset();
      diagnostics.warning(text.position(begin),
                          "log_selector: most of \"all\" has no effect: the log is not that detailed yet");
      continue;
    }
    const auto* const found = std::ranges::lower_bound(kSelectors, name, {}, &LogSelectorDef::name);
    if (found == kSelectors.end() || found->name != name) {
      diagnostics.error(text.position(name_at), fmt::format("log_selector: unknown selector \"{}\"{}", printable(name, 64),
                                                            expand::did_you_mean(name, kSelectors)));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - kSelectors.begin());
    if (on_[index] != (sign == '+') && !found->built) {
      diagnostics.warning(text.position(begin),
                          fmt::format("log_selector: \"{}{}\" has no effect: it is not built yet", sign, name));
    }
    on_[index] = sign == '+';
  }
}

}  // namespace postern::config
