// `postern probe`: an SMTP dialogue on standard input and output, as from any address. Touches no spool, lock or listener.
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>

#include "appliance/bin/commands.h"
#include "appliance/bin/setup.h"
#include "appliance/probe/probe.h"
#include "engine/ring/ring.h"

namespace postern::bin {

int probe_command(const Arguments& arguments) {
  const auto config = load(arguments.config_path, false);
  if (config == nullptr) return kConfigStatus;
  if (const std::string why = ring::explain_ring_support(); !why.empty()) {
    std::fprintf(stderr, "postern: %s\n", why.c_str());
    return EX_UNAVAILABLE;
  }
  ::signal(SIGPIPE, SIG_IGN);  // whoever stops listening ends the dialogue
  const Result<void> done =
      probe::run_probe({.config = config,
                        .client = *arguments.probe.client,
                        .local = arguments.probe.local,
                        .in = STDIN_FILENO,
                        .out = STDOUT_FILENO,
                        .trace = [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); }});
  if (done) return EX_OK;
  std::fprintf(stderr, "postern: cannot begin the dialogue: %s\n", describe(done.error()).c_str());
  return EX_OSERR;
}

}  // namespace postern::bin
