// A lookup type as it is written, with all that may stand around its name: "partial2(.)-lsearch*@,ret=full".
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "policy/lookup/type.h"

namespace postern::lookup {

inline constexpr std::size_t kWrittenBytesMax = 4096;  // name, prefix, suffix and options

// What a single-key lookup gives for the entry it has found.
enum class Return : std::uint8_t {
  data,
  full,  // lsearch and its kin: the line with its key. dsearch: the whole path
  key,   // the key that was asked for
};

// dsearch: which entries count.
enum class Filter : std::uint8_t { any, file, dir, subdir };

enum class Default : std::uint8_t {
  none,
  star,     // "*": the key "*" at last
  star_at,  // "*@": before it, the key with all to the left of its last @ replaced by *
};

// partial-: see matching.h.
struct Partial {
  unsigned components_min = 2;
  std::string affix = "*.";

  friend bool operator==(const Partial&, const Partial&) = default;
};

struct Written {
  const TypeDef* type = nullptr;
  std::optional<Partial> partial = {};
  Default fallback = Default::none;
  std::optional<unsigned> net_bits = {};  // net24-; 0 for net- alone: the whole address
  Return returns = Return::data;
  Filter filter = Filter::any;
  bool key_may_be_path = false;  // dsearch, key=path
  bool reads_cache = true;       // not with cache=no_rd
  std::string file = {};         // sqlite, file=
  std::string servers = {};      // redis, servers=

  [[nodiscard]] bool query_style() const noexcept { return type->style == Style::query; }
  friend bool operator==(const Written&, const Written&) = default;
};

// Where it stands decides whether net- may be there: in host lists only.
enum class Place : std::uint8_t { expansion, list, host_list };

// The error says what is wrong in Exim's words, with the nearest known type or option.
[[nodiscard]] std::expected<Written, std::string> parse_written(std::string_view text, Place place = Place::expansion);
// Of a text that cannot be read: whether Exim would take it, because a type is not built, or does not take an option.
[[nodiscard]] bool is_left_out(std::string_view text);

}  // namespace postern::lookup
