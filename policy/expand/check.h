// The checks that texts may show the results of.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace postern::expand {

enum class Check : std::uint8_t { spf, dkim, arc, dmarc, dcc };

// A set of them.
class CheckSet {
 public:
  constexpr CheckSet() = default;
  [[nodiscard]] constexpr bool has(Check check) const noexcept { return (bits_ & bit(check)) != 0; }
  constexpr void add(Check check) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(check)); }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr bool operator==(CheckSet, CheckSet) = default;

 private:
  static constexpr std::uint8_t bit(Check check) noexcept { return static_cast<std::uint8_t>(1U << std::to_underlying(check)); }
  std::uint8_t bits_ = 0;
};

// Whose result a variable shows, by its name: "spf_result". Nothing for all others.
[[nodiscard]] constexpr std::optional<Check> check_of_variable(std::string_view name) noexcept {
  if (name.starts_with("spf_")) return Check::spf;
  if (name.starts_with("dkim_")) return Check::dkim;
  if (name.starts_with("arc_")) return Check::arc;
  if (name.starts_with("dmarc_")) return Check::dmarc;
  if (name.starts_with("dcc_")) return Check::dcc;
  return std::nullopt;
}

}  // namespace postern::expand
