// The rules of a manualroute router: "pattern hosts options ; ...".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/fold.h"
#include "policy/lists/compile.h"
#include "policy/routing/router.h"

namespace postern::routing {

struct RouteListReader {
  const expand::LoadTimeValues& values;
  lists::ListCompiler& lists;
  const std::vector<std::string>& transports;  // names that exist
  expand::Diagnostics& diagnostics;

  // Gives what could be read; errors are reported.
  [[nodiscard]] std::vector<RouteRule> read(const expand::ConfigText& text) const;
};

}  // namespace postern::routing
