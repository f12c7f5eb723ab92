// The characters that all lines of a configuration share: blanks and names.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/smtp/chars.h"

namespace postern::config {

[[nodiscard]] constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
[[nodiscard]] constexpr bool is_name_char(char c) noexcept { return smtp::is(smtp::CharClass::let_dig, c) || c == '_'; }

// Where the blanks, or the name, that begin at `at` end; `at` itself where there are none.
[[nodiscard]] constexpr std::size_t skip_space(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}
[[nodiscard]] constexpr std::size_t skip_name(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_name_char(text[at])) ++at;
  return at;
}

}  // namespace postern::config
