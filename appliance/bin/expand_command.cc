// `postern expand`: what a text of the configuration would become. Touches no spool, lock or listener.
#include <sysexits.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/expand_scene.h"
#include "appliance/bin/setup.h"
#include "appliance/config/resolver_settings.h"
#include "appliance/config/text_maker.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "net/dns/ares_resolver.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"
#include "policy/expand/compile.h"
#include "policy/expand/evaluate.h"

namespace postern::bin {

namespace {

// What a text came to. `why`: it could not be read, or not be expanded.
struct Expanded {
  bool waits = false;  // it asks something: nothing was evaluated
  std::string value = {};
  std::string why = {};
};

std::optional<expand::Program> read(const Arguments& arguments, language::ShardLanguage& language, Expanded& expanded) {
  return expand::compile_or_why(config::TextMaker::command_line(arguments.text), expanded.why, &language);
}

// There is no message, so that nothing needs to be kept of one.
std::shared_ptr<const config::Language> language_of(const config::Config& config) {
  auto language = std::make_shared<config::Language>(*config.language);
  language->keeps_body_ends = language->keeps_received_field = true;
  return language;
}

Expanded expand_now(const Arguments& arguments, const config::Config& config) {
  Expanded expanded;
  const SystemClock clock;
  language::ShardLanguage language(language_of(config), {.clock = clock, .has_message_text = true});
  ExpandScene scene(config, arguments.scene);
  SceneAsker asker(language, scene);
  scene.set_services(asker, language);
  const auto program = read(arguments, language, expanded);
  if (!program) return expanded;
  expanded.waits = program->may_wait();
  if (!expanded.waits) expanded.why = expand::evaluate(*program, scene, expanded.value).why;
  return expanded;
}

Task<void> evaluate_and_close(const expand::Program& program, ExpandScene& scene, language::ShardLanguage& language,
                              dns::AresResolver& resolver, Expanded& expanded) {
  expanded.why = (co_await expand::evaluate_waiting(program, scene, expanded.value)).why;
  co_await language.close();
  co_await resolver.close();
}

// With a loop of its own for what has to wait. Files are read in place: nobody else is kept from anything.
Expanded expand_in_loop(const Arguments& arguments, const config::Config& config) {
  auto runtime = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 16});
  if (!runtime) return {.why = describe(runtime.error())};
  transport::UringConnector connector((*runtime)->streams());
  auto datagrams = transport::UringDatagrams::create((*runtime)->ring());
  if (!datagrams) return {.why = describe(datagrams.error())};
  SystemRandom random;
  dns::AresResolver resolver({**datagrams, connector, (*runtime)->blocks(), random},
                             config::make_resolver_settings(config.main));
  language::ShardLanguage language(
      language_of(config),
      {.clock = (*runtime)->clock(), .connector = &connector, .resolver = &resolver, .has_message_text = true});
  ExpandScene scene(config, arguments.scene);
  SceneAsker asker(language, scene);
  scene.set_services(asker, language);
  Expanded expanded;
  const auto program = read(arguments, language, expanded);
  if (program) (*runtime)->loop().run(evaluate_and_close(*program, scene, language, resolver, expanded));
  return expanded;
}

}  // namespace

int expand_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, false);
  if (config == nullptr) return kConfigStatus;
  Expanded expanded = expand_now(arguments, *config);
  if (expanded.waits) expanded = expand_in_loop(arguments, *config);
  // Exim prints the reason on standard output, too, and so do we; the status tells the two apart.
  if (!expanded.why.empty()) {
    std::printf("Failed: %s\n", expanded.why.c_str());
    return EX_DATAERR;
  }
  expanded.value.push_back('\n');
  std::fwrite(expanded.value.data(), 1, expanded.value.size(), stdout);
  return EX_OK;
}

}  // namespace postern::bin
