// ${name ...} with arguments of its own: the items. One row each: its shape, which says how the compiler reads it, and for the
// pure ones the function.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "policy/expand/text_items.h"

namespace postern::expand {

enum class ItemShape : std::uint8_t {
  not_built,
  choice,  // if
  pure,    // {a}{b}...
  fields,  // extract: {key}{text} or {number}{separators}{text}, yes and no
  find,    // {a}{b} and yes and no
  lookup,
  map,
  filter,
  reduce,
  sort,
  substitute,  // sg
  environment,
  read_file,
  read_socket,
  run,
  acl,
  prvs,
  prvscheck,
  srs_encode,
  auth_results,
  certificate,  // certextract: {field}{$variable}, yes and no
};

struct ItemDef {
  std::string_view name;
  ItemShape shape = ItemShape::not_built;
  std::uint8_t arguments_min = 0;
  std::uint8_t arguments_max = 0;
  bool makes_ours = false;  // nothing of a peer's bytes is in the result
  ItemFn apply = nullptr;
  ItemFn apply_to_fields = nullptr;  // fields: by number
  std::string_view not_built = {};   // why it is refused; empty when it is built
};

[[nodiscard]] std::span<const ItemDef> items() noexcept;
[[nodiscard]] const ItemDef* find_item(std::string_view name) noexcept;

// Whether the first argument of ${extract counts fields instead of naming one.
[[nodiscard]] bool is_field_number(std::string_view text) noexcept;

}  // namespace postern::expand
