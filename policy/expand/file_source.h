// Where the loader reads files: the disk, or memory in tests. Used while a configuration loads, never on the message path.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "engine/base/result.h"

namespace postern::expand {

class FileSource {
 public:
  virtual ~FileSource() = default;
  // The whole file. Errors: not_found; too_large beyond `bytes_max`; denied; io. Blocks.
  [[nodiscard]] virtual Result<std::string> read(const std::string& path, std::size_t bytes_max) = 0;
};

class MemoryFileSource final : public FileSource {
 public:
  void put(std::string path, std::string content) { files_[std::move(path)] = std::move(content); }
  [[nodiscard]] Result<std::string> read(const std::string& path, std::size_t bytes_max) override {
    const auto found = files_.find(path);
    if (found == files_.end()) return failure(Errc::not_found, "open");
    if (found->second.size() > bytes_max) return failure(Errc::too_large, "read");
    return found->second;
  }

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace postern::expand
