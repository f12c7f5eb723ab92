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
    {"8bitmime", LogSelector::eight_bit_mime, false, true},
    {"acl_warn_skipped", LogSelector::acl_warn_skipped, true, true},
    {"address_rewrite", LogSelector::address_rewrite, false, false},
    {"all_parents", LogSelector::all_parents, false, false},
    {"arguments", LogSelector::arguments, false, false},
    {"connection_id", LogSelector::connection_id, false, true},
    {"connection_reject", LogSelector::connection_reject, true, true},
    {"delay_delivery", LogSelector::delay_delivery, true, false},
    {"deliver_time", LogSelector::deliver_time, false, true},
    {"delivery_size", LogSelector::delivery_size, false, true},
    {"dkim", LogSelector::dkim, true, false},
    {"dkim_verbose", LogSelector::dkim_verbose, false, false},
    {"dmarc", LogSelector::dmarc, false, false},
    {"dmarc_verbose", LogSelector::dmarc_verbose, false, false},
    {"dnslist_defer", LogSelector::dnslist_defer, true, false},
    {"dnssec", LogSelector::dnssec, false, false},
    {"etrn", LogSelector::etrn, true, true},
    {"host_lookup_failed", LogSelector::host_lookup_failed, true, true},
    {"ident_timeout", LogSelector::ident_timeout, false, false},
    {"incoming_interface", LogSelector::incoming_interface, false, true},
    {"incoming_port", LogSelector::incoming_port, false, true},
    {"lost_incoming_connection", LogSelector::lost_incoming_connection, true, true},
    {"millisec", LogSelector::millisec, false, true},
    {"msg_id", LogSelector::msg_id, true, true},
    {"msg_id_created", LogSelector::msg_id_created, false, false},
    {"outgoing_interface", LogSelector::outgoing_interface, false, false},
    {"outgoing_port", LogSelector::outgoing_port, false, true},
    {"pid", LogSelector::pid, false, true},
    {"pipelining", LogSelector::pipelining, false, true},
    {"protocol_detail", LogSelector::protocol_detail, false, false},
    {"proxy", LogSelector::proxy, false, true},
    {"queue_run", LogSelector::queue_run, true, false},
    {"queue_time", LogSelector::queue_time, false, true},
    {"queue_time_exclusive", LogSelector::queue_time_exclusive, false, false},
    {"queue_time_overall", LogSelector::queue_time_overall, false, true},
    {"receive_time", LogSelector::receive_time, false, true},
    {"received_recipients", LogSelector::received_recipients, false, true},
    {"received_sender", LogSelector::received_sender, false, true},
    {"rejected_header", LogSelector::rejected_header, true, true},
    {"retry_defer", LogSelector::retry_defer, true, true},
    {"return_path_on_delivery", LogSelector::return_path_on_delivery, false, true},
    {"sender_on_delivery", LogSelector::sender_on_delivery, false, true},
    {"sender_verify_fail", LogSelector::sender_verify_fail, true, true},
    {"size_reject", LogSelector::size_reject, true, true},
    {"skip_delivery", LogSelector::skip_delivery, true, false},
    {"smtp_confirmation", LogSelector::smtp_confirmation, true, true},
    {"smtp_connection", LogSelector::smtp_connection, false, true},
    {"smtp_incomplete_transaction", LogSelector::smtp_incomplete_transaction, false, true},
    {"smtp_mailauth", LogSelector::smtp_mailauth, false, false},
    {"smtp_no_mail", LogSelector::smtp_no_mail, false, true},
    {"smtp_protocol_error", LogSelector::smtp_protocol_error, false, true},
    {"smtp_syntax_error", LogSelector::smtp_syntax_error, false, true},
    {"spf", LogSelector::spf, false, false},
    {"spf_verbose", LogSelector::spf_verbose, false, false},
    {"subject", LogSelector::subject, false, true},
    {"tls_certificate_verified", LogSelector::tls_certificate_verified, true, false},
    {"tls_cipher", LogSelector::tls_cipher, true, false},
    {"tls_on_connect", LogSelector::tls_on_connect, false, false},
    {"tls_peerdn", LogSelector::tls_peerdn, false, false},
    {"tls_resumption", LogSelector::tls_resumption, false, false},
    {"tls_sni", LogSelector::tls_sni, false, false},
    {"unknown_in_list", LogSelector::unknown_in_list, false, false},
});
static_assert(std::ranges::is_sorted(kSelectors, {}, &LogSelectorDef::name));
static_assert(kSelectors.size() <= LogSelectors::kMax);
static_assert([] {
  for (std::size_t i = 0; i < kSelectors.size(); ++i)
    if (static_cast<std::size_t>(kSelectors[i].id) != i) return false;
  return true;
}());

constexpr bool is_blank(char c) noexcept { return smtp::is(smtp::CharClass::blank, c); }

}  // namespace

std::span<const LogSelectorDef> log_selectors() noexcept { return kSelectors; }

LogSelectors::LogSelectors() {
  for (std::size_t i = 0; i < kSelectors.size(); ++i) on_[i] = kSelectors[i].on_by_default;
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
                          "log_selector: some of \"all\" has no effect: what it would log is not built yet");
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
