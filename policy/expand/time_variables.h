// $tod_epoch and its kin.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "policy/expand/variables.h"

namespace postern::expand {

[[nodiscard]] constexpr bool tells_time(VariableId id) noexcept {
  return id >= VariableId::tod_bsdinbox && id <= VariableId::tod_zulu;
}

// The value, in `scratch`, of one that tells the time; empty for others.
[[nodiscard]] std::string_view time_variable(VariableId id, WallTime now, std::string& scratch);

}  // namespace postern::expand
