// The configuration in effect, written as one that loads again.
#pragma once

#include <cstdint>
#include <string>

#include "appliance/config/main_options.h"
#include "appliance/config/sections.h"

namespace postern::config {

// What becomes of settings with `hide` before them.
enum class HiddenValues : std::uint8_t {
  shown,
  left_out,  // a comment stands in their place
};

// One setting a line: macros replaced, files included, continued lines joined; main options under their proper names, sorted,
// those that are not set with the value they have all the same. What it gives for its own output is the same again.
[[nodiscard]] std::string effective_text(const Sections& sections, const MainOptions& main, HiddenValues hidden);

}  // namespace postern::config
