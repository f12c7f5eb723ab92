#include "engine/base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace postern::inline base {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ kPolynomial : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr auto kTable = make_table();

// One instruction has a latency of three cycles, so 8 bytes a step is about 2.7 bytes a cycle: beyond the cost of the copy it
// travels with, which is why there is no three-way interleaving here.
template <bool kCopy>
__attribute__((target("sse4.2"))) std::uint32_t run_sse42(std::uint32_t crc, std::byte* to, const std::byte* from,
                                                          std::size_t count) noexcept {
  std::uint64_t sum = ~crc;
  for (; count >= 8; count -= 8, from += 8) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    if constexpr (kCopy) {
      std::memcpy(to, &word, 8);
      to += 8;
    }
    sum = _mm_crc32_u64(sum, word);
  }
  auto tail = static_cast<std::uint32_t>(sum);
  for (; count > 0; --count, ++from) {
    if constexpr (kCopy) *to++ = *from;
    tail = _mm_crc32_u8(tail, static_cast<unsigned char>(*from));
  }
  return ~tail;
}

bool has_sse42() noexcept {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
  std::uint32_t sum = ~crc;
  for (const std::byte b : bytes) sum = (sum >> 8) ^ kTable[(sum ^ static_cast<std::uint32_t>(b)) & 0xff];
  return ~sum;
}

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
  if (has_sse42()) return run_sse42<false>(crc, nullptr, bytes.data(), bytes.size());
  return crc32c_portable(crc, bytes);
}

std::uint32_t crc32c_copy(std::uint32_t crc, std::byte* to, std::span<const std::byte> from) noexcept {
  if (has_sse42()) return run_sse42<true>(crc, to, from.data(), from.size());
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
  return crc32c_portable(crc, from);
}

}  // namespace postern::inline base
