// UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace postern::inline base {

// Bytes in the well-formed sequence at the start of `bytes`; 0 when there is none (also when it is cut off).
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view bytes) noexcept;

[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;
[[nodiscard]] bool is_ascii(std::string_view bytes) noexcept;

}  // namespace postern::inline base
