// From configuration text to a Program. Everything that can be known without a message is checked here: names, brackets,
// arguments. What a name lacks is said with the nearest known one.
#pragma once

#include <cstddef>
#include <optional>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/program.h"

namespace postern::expand {

inline constexpr std::size_t kNestingMax = 50;     // ${...} within ${...}
inline constexpr std::size_t kNodesMax = 100'000;  // in one program

// Nothing when the text cannot be read; then exactly one error was added, at the place of the offending word.
[[nodiscard]] std::optional<Program> compile(const ConfigText& text, Diagnostics& diagnostics);

}  // namespace postern::expand
