// What expansions ask of files: their content, whether they are there, ${stat:}.
#pragma once

#include <cstddef>
#include <string>

#include "policy/expand/services.h"

namespace postern::language {

struct ToRead {
  expand::FileQuestion::Kind kind = expand::FileQuestion::Kind::content;
  std::string path;
  std::size_t bytes_max = 0;
};

// Blocks. Regular files only are read; one that is larger than `bytes_max` is not.
[[nodiscard]] expand::Answer read_file(const ToRead& file);

}  // namespace postern::language
