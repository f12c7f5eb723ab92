// ${name ...} with arguments of its own: the items. `if` is built into the compiler; the others are known by name.
#pragma once

#include <span>
#include <string_view>

namespace postern::expand {

struct ItemDef {
  std::string_view name;
  std::string_view not_built;  // why it is refused; empty when it is built
};

[[nodiscard]] std::span<const ItemDef> items() noexcept;
[[nodiscard]] const ItemDef* find_item(std::string_view name) noexcept;

}  // namespace postern::expand
