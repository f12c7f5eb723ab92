// ${listnamed:}: a named list as text.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "policy/lists/world.h"

namespace postern::lists {

inline constexpr std::size_t kNamedTextBytesMax = 256 * 1024;

// With a colon between the items, and the items of the lists it names in their places; nothing is expanded. Without a kind: the
// first that there is of domain, host, address and local part lists. The error is in Exim's words.
[[nodiscard]] std::expected<std::string, std::string> named_text(const ListWorld& world, std::optional<ListKind> kind,
                                                                 std::string_view name);

}  // namespace postern::lists
