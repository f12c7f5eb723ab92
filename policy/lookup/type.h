// The lookup types of the language: one table. A name that is known and not built says why. What ${quote_TYPE:} does stands in
// policy/expand/operators.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::lookup {

enum class TypeId : std::uint8_t {
  none,  // a name that is known and not built
  cdb,
  dnsdb,
  dsearch,
  iplsearch,
  lmdb,
  lsearch,
  nwildlsearch,
  redis,
  sqlite,
  wildlsearch,
};

enum class Style : std::uint8_t {
  single_key,  // a file and a key
  query,       // a query, which holds all
};

struct TypeDef {
  std::string_view name;
  TypeId id = TypeId::none;
  Style style = Style::single_key;
  std::string_view options = {};    // names of the options it takes beside those all take, a blank between them
  bool peers_bytes = false;         // what it finds was chosen by strangers
  std::string_view not_built = {};  // why it is refused; empty when it is built
};

// Exact names only. Static.
[[nodiscard]] const TypeDef* find_type(std::string_view name) noexcept;
[[nodiscard]] std::span<const TypeDef> all_types() noexcept;

}  // namespace postern::lookup
