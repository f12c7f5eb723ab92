// The rules of a manualroute router: "pattern hosts options ; ...".
#pragma once

#include <optional>
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
  expand::CompileServices* services;  // for hosts that depend on the address; may be null
  lists::ListCompiler& lists;
  const std::vector<std::string>& transports;  // names that exist
  expand::Diagnostics& diagnostics;

  // Gives what could be read; errors are reported.
  [[nodiscard]] std::vector<RouteRule> read(const expand::ConfigText& text) const;
};

// What route_data expanded to: "hosts options". Views into the text.
struct RouteData {
  std::string_view hosts;
  std::optional<bool> randomize;
  std::string_view unknown_option;
};
[[nodiscard]] RouteData read_route_data(std::string_view text) noexcept;

}  // namespace postern::routing
