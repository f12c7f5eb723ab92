#include "policy/expand/items.h"

#include <algorithm>
#include <array>

#include "policy/expand/text_imap.h"

namespace postern::expand {

namespace {

using enum ItemShape;

constexpr std::string_view kNever = "postern runs no foreign code inside its processes";

constexpr ItemDef later(std::string_view name, std::string_view why) { return {.name = name, .not_built = why}; }
constexpr ItemDef item(std::string_view name, ItemShape shape) { return {.name = name, .shape = shape}; }

constexpr ItemDef pure_item(std::string_view name, std::uint8_t min, std::uint8_t max, ItemFn apply) {
  return {.name = name, .shape = pure, .arguments_min = min, .arguments_max = max, .apply = apply};
}
constexpr ItemDef ours(std::string_view name, std::uint8_t min, std::uint8_t max, ItemFn apply) {
  return {.name = name, .shape = pure, .arguments_min = min, .arguments_max = max, .makes_ours = true, .apply = apply};
}

constexpr auto kItems = std::to_array<ItemDef>({
    item("acl", acl),
    item("authresults", auth_results),
    item("certextract", certificate),
    later("dlfunc", kNever),
    item("env", environment),
    {.name = "extract",
     .shape = fields,
     .arguments_min = 2,
     .arguments_max = 3,
     .apply = item_extract,
     .apply_to_fields = item_extract_field},
    {.name = "extract json", .shape = find, .arguments_min = 2, .arguments_max = 2, .apply = item_extract_json},
    {.name = "extract jsons", .shape = find, .arguments_min = 2, .arguments_max = 2, .apply = item_extract_jsons},
    item("filter", filter),
    pure_item("hash", 2, 3, item_hash),
    ours("hmac", 3, 3, item_hmac),
    item("if", choice),
    pure_item("imapfolder", 1, 3, item_imapfolder),
    pure_item("length", 2, 2, item_length),
    {.name = "listextract", .shape = find, .arguments_min = 2, .arguments_max = 2, .apply = item_listextract},
    pure_item("listquote", 2, 2, item_listquote),
    item("lookup", lookup),
    item("map", map),
    ours("nhash", 2, 3, item_nhash),
    later("perl", kNever),
    item("prvs", prvs),
    item("prvscheck", prvscheck),
    item("readfile", read_file),
    item("readsocket", read_socket),
    item("reduce", reduce),
    item("run", run),
    item("sg", substitute),
    item("sort", sort),
    item("srs_encode", srs_encode),
    pure_item("substr", 2, 3, item_substr),
    pure_item("tr", 3, 3, item_tr),
});
static_assert(std::ranges::is_sorted(kItems, {}, &ItemDef::name));
static_assert(std::ranges::all_of(kItems, [](const ItemDef& i) { return (i.shape == not_built) != i.not_built.empty(); }));

}  // namespace

std::span<const ItemDef> items() noexcept { return kItems; }

const ItemDef* find_item(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kItems, name, {}, &ItemDef::name);
  return found != kItems.end() && found->name == name ? found : nullptr;
}

bool is_field_number(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || (text.front() >= '\t' && text.front() <= '\r'))) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r'))) text.remove_suffix(1);
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace postern::expand
