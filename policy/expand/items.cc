#include "policy/expand/items.h"

#include <algorithm>
#include <array>

namespace postern::expand {

namespace {

constexpr std::string_view kLater = "this item is not built yet";
constexpr std::string_view kNever = "postern runs no foreign code inside its processes";

constexpr auto kItems = std::to_array<ItemDef>({
    {"acl", kLater},        {"authresults", kLater}, {"certextract", kLater}, {"dlfunc", kNever},    {"env", kLater},
    {"extract", kLater},    {"filter", kLater},      {"hash", kLater},        {"hmac", kLater},      {"if", {}},
    {"imapfolder", kLater}, {"length", kLater},      {"listextract", kLater}, {"listquote", kLater}, {"lookup", kLater},
    {"map", kLater},        {"nhash", kLater},       {"perl", kNever},        {"prvs", kLater},      {"prvscheck", kLater},
    {"readfile", kLater},   {"readsocket", kLater},  {"reduce", kLater},      {"run", kLater},       {"sg", kLater},
    {"sort", kLater},       {"srs_encode", kLater},  {"substr", kLater},      {"tr", kLater},
});
static_assert(std::ranges::is_sorted(kItems, {}, &ItemDef::name));

}  // namespace

std::span<const ItemDef> items() noexcept { return kItems; }

const ItemDef* find_item(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kItems, name, {}, &ItemDef::name);
  return found != kItems.end() && found->name == name ? found : nullptr;
}

}  // namespace postern::expand
