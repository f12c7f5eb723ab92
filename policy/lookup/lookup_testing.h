// What the tests of lookups share: a folder of their own, and answers as text.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

// Removed with all that is in it.
class ScratchFolder {
 public:
  ScratchFolder() : name_((std::filesystem::temp_directory_path() / "postern-lookup-XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(name_.data()), nullptr);
  }
  ~ScratchFolder() { std::filesystem::remove_all(name_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string path(std::string_view file) const { return name_ + "/" + std::string(file); }
  std::string write(std::string_view file, std::string_view text) const {
    std::ofstream(path(file), std::ios::binary) << text;
    return path(file);
  }

 private:
  std::string name_;
};

// "<value>", "-" where nothing was found, or "deferred: why".
[[nodiscard]] inline std::string text_of(const Found& found) {
  switch (found.answer.status) {
    case Answer::Status::found: return "<" + found.answer.value + ">";
    case Answer::Status::not_found: return "-";
    case Answer::Status::deferred: return "deferred: " + found.answer.why;
    case Answer::Status::failed: break;
  }
  return "failed: " + found.answer.why;
}

}  // namespace postern::lookup
