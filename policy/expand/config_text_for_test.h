// Configuration text for tests and fuzz targets. Nothing else includes this header.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policy/expand/config_text.h"

namespace postern::expand {

class ConfigTextForTest {
 public:
  // One line of a file, starting at its first column.
  [[nodiscard]] static ConfigText line(std::string_view text, std::string file = "test.conf", std::uint32_t number = 1) {
    auto names = std::make_shared<FileNames>();
    const std::uint16_t id = names->add(std::move(file));
    ConfigText made(names);
    made.append(text, id, number, 1, false);
    return made;
  }
};

}  // namespace postern::expand
