// Files of the disk, read whole.
#pragma once

#include <cstddef>
#include <string>

#include "policy/expand/file_source.h"

namespace postern::config {

class DiskFiles final : public expand::FileSource {
 public:
  // Regular files only: a named pipe or a device would hold up the load.
  [[nodiscard]] Result<std::string> read(const std::string& path, std::size_t bytes_max) override;
};

}  // namespace postern::config
