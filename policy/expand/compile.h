// From configuration text to a Program. Everything that can be known without a message is checked here: names, brackets,
// arguments, and whether a peer's bytes stand where they must not. What a name lacks is said with the nearest known one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/program.h"
#include "policy/expand/services.h"

namespace postern::expand {

inline constexpr std::size_t kNestingMax = 50;     // ${...} within ${...}, conditions within conditions
inline constexpr std::size_t kNodesMax = 100'000;  // instructions of one program

// Nothing when the text cannot be read; then exactly one error was added, at the place of the offending word. `services` is
// asked about lookups and lists; without it a text that names one is an error. Not kept.
[[nodiscard]] std::optional<Program> compile(const ConfigText& text, Diagnostics& diagnostics,
                                             CompileServices* services = nullptr);

// The same for a text whose mistakes Exim finds when it uses it: they are late, and what is given then fails for that reason.
[[nodiscard]] Program compile_late(const ConfigText& text, Diagnostics& diagnostics, CompileServices* services = nullptr);

// The same for one who wants only the reason, in Exim's words.
[[nodiscard]] std::optional<Program> compile_or_why(const ConfigText& text, std::string& why,
                                                    CompileServices* services = nullptr);

}  // namespace postern::expand
