// Configuration text out of text that was expanded: only the machine makes it, and only of bytes that are ours (taint.h).
#pragma once

#include <memory>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/config_text.h"
#include "policy/expand/taint.h"

namespace postern::expand {

class OurText {
 public:
  [[nodiscard]] static ConfigText of(std::string_view bytes, Taint taint) {
    POSTERN_CHECK(taint.is_ours());
    auto names = std::make_shared<FileNames>();
    const std::uint16_t id = names->add("expanded text");
    ConfigText made(names);
    made.append(bytes, id, 1, 1, false);
    return made;
  }
};

}  // namespace postern::expand
