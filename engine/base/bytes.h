// Fixed-width little-endian integers in byte buffers, for every format we store.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace postern::inline base {

static_assert(std::endian::native == std::endian::little, "stored formats are little-endian and read in place");

// `at` needs no alignment; sizeof(T) bytes must be there.
template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] T load_le(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
  requires std::is_trivially_copyable_v<T>
void store_le(std::byte* at, const T& value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

// The next multiple of `unit`, a power of two.
[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t unit) noexcept {
  return (value + unit - 1) & ~(unit - 1);
}

}  // namespace postern::inline base
