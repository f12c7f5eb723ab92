// The variables of the language that are the same wherever they are asked for: what the process and its machine are.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "policy/expand/variables.h"

namespace postern::config {

// The value, perhaps in `scratch`, of the version, the process, the machine's load or the time; empty for others.
[[nodiscard]] std::string_view process_variable(expand::VariableId id, WallTime now, std::string& scratch);

}  // namespace postern::config
