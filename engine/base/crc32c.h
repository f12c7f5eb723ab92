// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4: reflected, initial value and final xor are all ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace postern::inline base {

// Extends `crc` (0 for a fresh sum, or the result of an earlier call) over `bytes`.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept;

// Copies `from` to `to` (no overlap) and extends the sum over it in the same pass.
[[nodiscard]] std::uint32_t crc32c_copy(std::uint32_t crc, std::byte* to, std::span<const std::byte> from) noexcept;

// The plain table form, for machines without SSE 4.2 and as the yardstick in tests.
[[nodiscard]] std::uint32_t crc32c_portable(std::uint32_t crc, std::span<const std::byte> bytes) noexcept;

}  // namespace postern::inline base
