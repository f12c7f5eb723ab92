// `postern expand`: what a text of the configuration would become. Touches no spool, lock or listener.
#include <sysexits.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/expand_scene.h"
#include "appliance/bin/setup.h"
#include "appliance/config/resolver_settings.h"
#include "appliance/config/text_maker.h"
#include "engine/base/random.h"
#include "net/dns/ares_resolver.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"
#include "policy/expand/compile.h"
#include "policy/expand/evaluate.h"

namespace postern::bin {

namespace {

Task<void> evaluate_and_close(const expand::Program& program, ExpandScene& scene, lookup::Lookups& lookups,
                              dns::AresResolver& resolver, std::string& value, expand::EvalResult& result) {
  result = co_await expand::evaluate_waiting(program, scene, value);
  co_await lookups.close();
  co_await resolver.close();
}

// With a loop of its own for what has to wait. Files are read in place: nobody else is kept from anything.
expand::EvalResult evaluate_in_loop(const expand::Program& program, ExpandScene& scene, const config::MainOptions& main,
                                    std::string& value) {
  auto runtime = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 16});
  if (!runtime) return {.status = expand::EvalStatus::failed, .why = describe(runtime.error())};
  transport::UringConnector connector((*runtime)->streams());
  auto datagrams = transport::UringDatagrams::create((*runtime)->ring());
  if (!datagrams) return {.status = expand::EvalStatus::failed, .why = describe(datagrams.error())};
  SystemRandom random;
  dns::AresResolver resolver({**datagrams, connector, (*runtime)->blocks(), random}, config::make_resolver_settings(main));
  lookup::Lookups lookups(scene.catalogue(), {.clock = &(*runtime)->clock(), .connector = &connector, .resolver = &resolver});
  scene.set_lookups(&lookups);
  expand::EvalResult result;
  (*runtime)->loop().run(evaluate_and_close(program, scene, lookups, resolver, value, result));
  scene.set_lookups(nullptr);
  return result;
}

}  // namespace

int expand_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, false);
  if (config == nullptr) return kConfigStatus;
  ExpandScene scene(*config, arguments.scene);
  std::string value;
  std::string why;
  // Exim prints the reason on standard output, too, and so do we; the status tells the two apart.
  const auto program = expand::compile_or_why(config::TextMaker::command_line(arguments.text), why, &scene);
  if (program) {
    expand::EvalResult result =
        program->may_wait() ? evaluate_in_loop(*program, scene, config->main, value) : expand::evaluate(*program, scene, value);
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
