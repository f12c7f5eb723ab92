// What variables of the language are where nothing has set them.
#pragma once

#include <string_view>

#include "policy/expand/variables.h"

namespace postern::config {

// As in Exim: of a number "0", of a limit that is not there "9999999999999", of a yes or no "no", of what allows all "*";
// empty of a text.
[[nodiscard]] std::string_view unset_value(expand::VariableId id) noexcept;

}  // namespace postern::config
