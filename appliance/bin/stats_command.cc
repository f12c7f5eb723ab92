#include <fcntl.h>
#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/control/control_client.h"

namespace postern::bin {
namespace {

using Json = nlohmann::ordered_json;

// The figures of one process, or null with a word on standard error why there are none.
Json ask_process(const spool::UniqueFd& spool, const std::string& directory) {
  const spool::UniqueFd opened(::openat(spool.get(), directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto answer = control::ask(control_path(opened.get()), "stats");
  if (!answer) {
    std::fprintf(stderr, "postern: no figures of %s: %s\n", directory.c_str(), describe(answer.error()).c_str());
    return nullptr;
  }
  return Json::parse(*answer, nullptr, false);
}

void print_plain(const Json& json, const std::string& prefix) {
  for (const auto& [name, value] : json.items()) {
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if (value.is_structured())
      print_plain(value, path);
    else
      std::printf("%-44s %s\n", path.c_str(), value.dump().c_str());
  }
}

}  // namespace

int stats_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, false);
  if (!config) return kConfigStatus;
  const spool::UniqueFd spool = open_spool(*config);
  if (spool.get() < 0) return EX_UNAVAILABLE;
  Json json;
  json["ingress"] = ask_process(spool, "ingress");
  json["delivery"] = ask_process(spool, "delivery");
  if (arguments.json)
    std::printf("%s\n", json.dump(2).c_str());
  else
    print_plain(json, "");
  return json["ingress"].is_null() && json["delivery"].is_null() ? EX_UNAVAILABLE : EX_OK;
}

}  // namespace postern::bin
