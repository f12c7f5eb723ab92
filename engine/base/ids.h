// Integers that must not be mixed up.
#pragma once

#include <compare>
#include <cstdint>

namespace postern::inline base {

template <class Tag, class Int>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Int value) noexcept : value_(value) {}
  [[nodiscard]] constexpr Int value() const noexcept { return value_; }
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;

 private:
  Int value_{};
};

using ShardId = StrongId<struct ShardIdTag, std::uint16_t>;

}  // namespace postern::inline base
