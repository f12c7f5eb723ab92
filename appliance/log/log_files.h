// The log files of a process, as they lie on disk.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "appliance/log/log_sink.h"
#include "engine/base/clock.h"
#include "engine/base/result.h"

namespace postern::log {

// Appends to files that others may rename or remove: looks once a second and opens them anew. Whole lines in one write, so that
// several processes can share a file. Used by one thread at a time.
class LogFiles {
 public:
  // `pattern` is log_file_path: "%s" stands for main, reject and panic ("/var/log/postern/%slog").
  explicit LogFiles(std::string pattern);
  LogFiles(const LogFiles&) = delete;
  LogFiles& operator=(const LogFiles&) = delete;
  ~LogFiles();

  // Errors: what the kernel said; the text is lost then, for the caller to count.
  [[nodiscard]] Result<void> append(Stream stream, std::string_view text, Instant now);

  // From now on the files are those of another pattern. An error, when the main log cannot be opened, changes
  // nothing.
  [[nodiscard]] Result<void> move_to(std::string_view pattern);

  [[nodiscard]] static std::string path(std::string_view pattern, Stream stream);

 private:
  struct File {
    std::string path;
    int descriptor = -1;
    Instant looked_at;
  };
  [[nodiscard]] Result<void> make_current(File& file, Instant now);
  std::array<File, 3> files_;
};

}  // namespace postern::log
