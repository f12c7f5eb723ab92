#include "appliance/config/load_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/lookup/services.h"

namespace postern::config {

namespace {

ExpansionList compile_list(lists::ListCompiler& lists, expand::ListKind kind, const expand::ConfigText& text) {
  using enum expand::ListKind;
  switch (kind) {
    case domain: return lists.domains(text, "match_domain", lists::Use::late);
    case ip: return lists.hosts(text, "match_ip", lists::Use::late);
    case address: return lists.addresses(text, "match_address", lists::Use::late);
    case local_part: break;
  }
  return lists.local_parts(text, "match_local_part", lists::Use::late);
}

}  // namespace

std::expected<LoadServices::Lookup, std::string> LoadServices::find_lookup(std::string_view written) {
  return lookup::find_lookup(*language_.lookups, written);
}

bool LoadServices::leaves_out_lookup(std::string_view written) { return lookup::is_left_out(written); }

bool LoadServices::is_lookup_type(std::string_view type) { return lookup::is_lookup_type(type); }

void LoadServices::noticed_lookup_file(expand::LookupHandle handle, std::string_view file) {
  const auto loaded = language_.lookups->load(handle, file);
  if (loaded) return;
  std::string message = fmt::format("{}; whoever asks it is put off until it can be read", printable(loaded.error(), 512));
  const auto same = [&](const expand::Diagnostic& each) { return each.message == message; };
  if (std::ranges::none_of(diagnostics_.all(), same)) diagnostics_.warning({file, 0, 0}, std::move(message));
}

std::expected<LoadServices::List, std::string> LoadServices::find_list(expand::ListKind kind, const expand::ConfigText& text) {
  if (lists_ == nullptr) return List{};
  if (language_.expansion_lists.size() >= kExpansionListsMax)
    return std::unexpected(fmt::format("more than {} lists stand in expansions", kExpansionListsMax));
  ExpansionList list = compile_list(*lists_, kind, text);
  const bool asks = std::visit([](const auto& each) { return each.asks(); }, list);
  language_.expansion_lists.push_back(std::move(list));
  return List{.handle = static_cast<expand::ListHandle>(language_.expansion_lists.size() - 1), .may_wait = asks};
}

std::string_view LoadServices::noticed_text_variable(expand::VariableId id) {
  if (bool Language::* const kept = kept_for(id); kept != nullptr) language_.*kept = true;
  return {};
}

bool LoadServices::is_named_list(std::string_view name) {
  using enum lists::ListKind;
  return lists_ != nullptr && std::ranges::any_of(std::array{domain, host, address, local_part},
                                                  [&](lists::ListKind kind) { return lists_->is_named(kind, name); });
}

}  // namespace postern::config
