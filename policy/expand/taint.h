// Whose bytes a piece of text is made of, as far as the machine keeps count: ours, a peer's, or a peer's that were quoted for
// one type of lookup and may stand in a query of that type.
#pragma once

#include <compare>
#include <cstdint>

#include "policy/expand/variables.h"

namespace postern::expand {

class Taint {
 public:
  constexpr Taint() = default;
  [[nodiscard]] static constexpr Taint peers() noexcept { return Taint(kPeers); }
  // `quoter`: which of the program's lookup types quoted it.
  [[nodiscard]] static constexpr Taint quoted(std::uint8_t quoter) noexcept {
    return quoter < kPeers - 1 ? Taint(static_cast<std::uint8_t>(quoter + 1)) : peers();
  }
  [[nodiscard]] static constexpr Taint of(Bytes bytes) noexcept { return bytes == Bytes::ours ? Taint() : peers(); }

  [[nodiscard]] constexpr bool is_ours() const noexcept { return value_ == 0; }
  [[nodiscard]] constexpr bool may_stand_in_query(std::uint8_t quoter) const noexcept {
    return is_ours() || value_ == quoted(quoter).value_;
  }
  [[nodiscard]] constexpr Bytes bytes() const noexcept { return is_ours() ? Bytes::ours : Bytes::peers; }
  // The same bytes after something was done to them: what was quoted is no longer.
  [[nodiscard]] constexpr Taint changed() const noexcept { return is_ours() ? Taint() : peers(); }

  // Of two texts behind one another.
  friend constexpr Taint operator+(Taint a, Taint b) noexcept {
    if (a.value_ == 0) return b;
    return b.value_ == 0 || a.value_ == b.value_ ? a : peers();
  }
  constexpr Taint& operator+=(Taint other) noexcept { return *this = *this + other; }
  friend constexpr bool operator==(Taint, Taint) = default;

 private:
  static constexpr std::uint8_t kPeers = 255;
  constexpr explicit Taint(std::uint8_t value) noexcept : value_(value) {}
  std::uint8_t value_ = 0;
};

}  // namespace postern::expand
