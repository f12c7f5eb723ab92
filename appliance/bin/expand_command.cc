// `postern expand`: what a text of the configuration would become. Touches no spool, lock or listener.
#include <sysexits.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/expand_scene.h"
#include "appliance/bin/setup.h"
#include "appliance/config/text_maker.h"
#include "policy/expand/compile.h"
#include "policy/expand/evaluate.h"

namespace postern::bin {

int expand_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, false);
  if (config == nullptr) return kConfigStatus;
  ExpandScene scene(*config, arguments.scene);
  std::string value;
  std::string why;
  // Exim prints the reason on standard output, too, and so do we; the status tells the two apart.
  const auto program = expand::compile(config::TextMaker::command_line(arguments.text), why, &scene);
  if (program) {
    expand::EvalResult result = expand::evaluate(*program, scene, value);
    if (!result) why = std::move(result.why);
    if (result) {
      value.push_back('\n');
      std::fwrite(value.data(), 1, value.size(), stdout);
      return EX_OK;
    }
  }
  std::printf("Failed: %s\n", why.c_str());
  return EX_DATAERR;
}

}  // namespace postern::bin
