#include <fcntl.h>
#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/config/load.h"
#include "appliance/control/control_client.h"

namespace postern::bin {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReloadTimeoutSeconds = 120;  // large lists take their time

// What one process answered, or null with a word on standard error why there is no answer.
Json ask_process(const std::string& spool, const std::string& directory) {
  const spool::UniqueFd opened(::open((spool + "/" + directory).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto answer = control::ask(control_path(opened.get()), "reload", kReloadTimeoutSeconds);
  if (!answer) {
    std::fprintf(stderr, "postern: %s was not asked: no answer at %s/%s/control: %s\n", directory.c_str(), spool.c_str(),
                 directory.c_str(), describe(answer.error()).c_str());
    return nullptr;
  }
  Json json = Json::parse(*answer, nullptr, false);
  if (json.is_object() && json.contains("reloaded")) return json;
  std::fprintf(stderr, "postern: %s does not know how to reload: it is of another version\n", directory.c_str());
  return nullptr;
}

void print_plain(const std::string& process, const Json& answer) {
  std::printf("%s: %s\n", process.c_str(),
              answer["reloaded"].get<bool>() ? "reloaded" : "not reloaded, the configuration in use stays");
  for (const Json& message : answer["messages"]) std::printf("%s\n", message.get<std::string>().c_str());
}

}  // namespace

// The processes say what is wrong with the file, and log it: all that is needed of it here is where they are to be found.
int reload_command(const Arguments& arguments) {
  const config::LoadResult loaded = config::load_config(arguments.config_path);
  if (loaded.spool_directory.empty()) {
    std::fputs(config::format_diagnostics(loaded.diagnostics).c_str(), stderr);
    return kConfigStatus;
  }
  Json all;
  bool any = false;
  bool all_reloaded = true;
  for (const char* process : {"ingress", "delivery"}) {
    Json& answer = all[process] = ask_process(loaded.spool_directory, process);
    if (answer.is_null()) continue;
    any = true;
    all_reloaded = all_reloaded && answer["reloaded"].get<bool>();
    if (!arguments.json) print_plain(process, answer);
  }
  if (arguments.json) std::printf("%s\n", all.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  if (!any) return EX_UNAVAILABLE;
  return all_reloaded ? EX_OK : kConfigStatus;
}

}  // namespace postern::bin
