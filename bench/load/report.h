// What a run says at its end.
#pragma once

#include <string>

#include "bench/load/options.h"
#include "bench/load/run.h"

namespace postern::load {

// For people, several lines.
[[nodiscard]] std::string report_text(const Options& options, const Outcome& outcome);
// For machines; docs/load.md tells each field.
[[nodiscard]] std::string report_json(const Options& options, const Outcome& outcome);

}  // namespace postern::load
