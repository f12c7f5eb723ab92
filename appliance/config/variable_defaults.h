// What variables of the language are where nothing has set them.
#pragma once

#include <string_view>

#include "policy/expand/variables.h"

namespace postern::config {

// As in Exim: of a number "0", of a yes or no "no"; empty of a text.
[[nodiscard]] std::string_view unset_value(expand::VariableId id) noexcept;

}  // namespace postern::config
