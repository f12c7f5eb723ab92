#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/config/load.h"

namespace postern::bin {
namespace {

using Json = nlohmann::ordered_json;

bool is_error(const config::Diagnostic& diagnostic) { return diagnostic.severity != config::Severity::warning; }

Json to_json(const config::Diagnostic& diagnostic) {
  Json json = {{"severity", is_error(diagnostic) ? "error" : "warning"}, {"file", diagnostic.file}};
  if (diagnostic.line != 0) json.update({{"line", diagnostic.line}, {"column", diagnostic.column}});
  json["message"] = diagnostic.message;
  return json;
}

void print_json(const std::string& path, const config::LoadResult& loaded) {
  const auto errors = std::ranges::count_if(loaded.diagnostics, is_error);
  Json json = {{"file", path},
               {"ok", errors == 0 && loaded.ok()},
               {"errors", errors},
               {"warnings", static_cast<std::ptrdiff_t>(loaded.diagnostics.size()) - errors},
               {"diagnostics", Json::array()}};
  for (const config::Diagnostic& diagnostic : loaded.diagnostics) json["diagnostics"].push_back(to_json(diagnostic));
  // A configuration may hold any bytes.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

int check_command(const Arguments& arguments) {
  const config::LoadResult loaded = config::load_config(arguments.config_path, {.for_use = false});
  const bool ok = loaded.ok() && std::ranges::none_of(loaded.diagnostics, is_error);
  if (arguments.json) {
    print_json(arguments.config_path, loaded);
  } else {
    std::fputs(config::format_diagnostics(loaded.diagnostics, config::LateMistakes::are_errors).c_str(), stderr);
    if (ok) std::printf("%s: no errors\n", arguments.config_path.c_str());
  }
  return ok ? EX_OK : kConfigStatus;
}

}  // namespace postern::bin
