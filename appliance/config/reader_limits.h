// What reading a configuration may cost at most, whatever the files say.
#pragma once

#include <cstddef>

namespace postern::config {

struct ReaderLimits {
  std::size_t file_bytes_max = std::size_t{16} * 1024 * 1024;   // one file
  std::size_t line_bytes_max = std::size_t{1024} * 1024;        // one logical line, macros replaced
  std::size_t total_bytes_max = std::size_t{64} * 1024 * 1024;  // all logical lines
  std::size_t files_max = 1000;                                 // all files, each time one is included
  std::size_t include_depth_max = 32;
  std::size_t conditional_depth_max = 32;
  std::size_t macros_max = 4096;
};

}  // namespace postern::config
