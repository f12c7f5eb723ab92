#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/config/driver_tables.h"
#include "appliance/config/log_selector.h"
#include "appliance/config/macros.h"
#include "appliance/config/main_table.h"
#include "engine/smtp/chars.h"
#include "policy/dkim/signer.h"

namespace postern::config {

namespace {

constexpr std::string_view kHave[] = {"_HAVE_IPV6", "_HAVE_I18N", "_HAVE_NATIVE_SRS", "_HAVE_SRS"};

// Names in macros are in capital letters.
template <class Table, class IsBuilt>
bool names_built(std::string_view word, const Table& table, IsBuilt is_built) {
  return std::ranges::any_of(table,
                             [&](const auto& row) { return smtp::equal_ignoring_case(row.name, word) && is_built(row); });
}

bool take_prefix(std::string_view& word, std::string_view prefix) {
  if (!word.starts_with(prefix)) return false;
  word.remove_prefix(prefix.size());
  return true;
}

}  // namespace

bool is_built_in_macro(std::string_view name) {
  constexpr auto kIsBuilt = [](const auto& row) { return row.status == OptionStatus::built; };
  constexpr auto kDriverBuilt = [](const DriverDef& row) { return row.not_built.empty(); };
  if (std::ranges::find(kHave, name) != std::end(kHave)) return true;
  if (take_prefix(name, "_OPT_MAIN_")) return names_built(name, main_table(), kIsBuilt);
  if (take_prefix(name, "_OPT_ROUTERS_")) return names_built(name, router_table("accept"), kIsBuilt);
  if (take_prefix(name, "_OPT_ROUTER_MANUALROUTE_")) return names_built(name, router_table("manualroute"), kIsBuilt);
  if (take_prefix(name, "_OPT_TRANSPORT_SMTP_")) return names_built(name, transport_table("smtp"), kIsBuilt);
  if (take_prefix(name, "_OPT_TRANSPORT_LMTP_")) return names_built(name, transport_table("lmtp"), kIsBuilt);
  if (take_prefix(name, "_OPT_TRANSPORT_APPENDFILE_")) return names_built(name, transport_table("appendfile"), kIsBuilt);
  if (take_prefix(name, "_OPT_TRANSPORTS_")) return names_built(name, transport_table(""), kIsBuilt);
  if (take_prefix(name, "_DRIVER_ROUTER_")) return names_built(name, router_drivers(), kDriverBuilt);
  if (take_prefix(name, "_DRIVER_TRANSPORT_")) return names_built(name, transport_drivers(), kDriverBuilt);
  if (take_prefix(name, "_LOG_"))
    return names_built(name, log_selectors(), [](const LogSelectorDef& row) { return row.built; });
  return false;
}

std::vector<std::pair<std::string, std::string>> built_in_values() {
  std::string oversigned = "+";
  for (const char c : dkim::kSignHeaders) {
    oversigned += c;
    if (c == ':') oversigned += '+';
  }
  return {{"_DKIM_SIGN_HEADERS", std::string(dkim::kSignHeaders)}, {"_DKIM_OVERSIGN_HEADERS", std::move(oversigned)}};
}

}  // namespace postern::config
