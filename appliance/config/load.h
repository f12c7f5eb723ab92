// Loading a configuration: from a file and all that it includes, to a Config or to everything that is wrong with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/config/effective.h"
#include "appliance/config/host_facts.h"
#include "appliance/config/reader_limits.h"
#include "engine/base/version.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/file_source.h"

namespace postern::config {

using expand::Diagnostic;
using expand::Severity;

struct LoadOptions {
  std::vector<std::pair<std::string, std::string>> macros;  // -D NAME=value: stronger than definitions in the files
  std::string version{kVersion};                            // $version_number
  ReaderLimits limits;
  bool for_use = true;                    // false: it is only looked at, and what deliveries alone lack is a warning
  std::optional<HiddenValues> effective;  // set: LoadResult::effective is filled
};

struct LoadResult {
  std::shared_ptr<const Config> config;  // null when there is an error
  std::string spool_directory;           // also where there are errors; empty when the file cannot be read
  std::string effective;                 // as effective_text() gives it; empty when it was not asked for, or with an error
  std::vector<Diagnostic> diagnostics;   // in the order of the files where that is known; warnings, too

  [[nodiscard]] bool ok() const noexcept { return config != nullptr; }
};

// From disk. Blocks.
[[nodiscard]] LoadResult load_config(const std::string& path, const LoadOptions& options = {});

// The same over any source of files: touches nothing else.
[[nodiscard]] LoadResult parse_config(const std::string& path, expand::FileSource& files, const HostFacts& host,
                                      const LoadOptions& options = {});

// What Exim would find only when it gets there is an error for whoever checks a configuration, and no reason not to run with
// it.
enum class LateMistakes : std::uint8_t { are_warnings, are_errors };

// A line each: "postern.conf:12:1: unknown main option ...", warnings with "warning: " in front of their text.
[[nodiscard]] std::string format_diagnostics(const std::vector<Diagnostic>& diagnostics,
                                             LateMistakes late = LateMistakes::are_warnings);

}  // namespace postern::config
