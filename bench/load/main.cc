#include <netdb.h>
#include <sysexits.h>

#include <csignal>
#include <cstdio>
#include <span>

#include "appliance/privilege/privilege.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/run.h"
#include "engine/base/version.h"
#include "engine/ring/ring.h"
#include "engine/shard/placement.h"
#include "net/transport/runtime.h"

namespace postern::load {
namespace {

constexpr std::size_t kDescriptorsBeside = transport::Runtime::kSlotsBesideConnections + 64;

// The first address of the host.
std::optional<SocketAddress> resolve(const Target& target) {
  if (const auto address = IpAddress::parse(target.host)) return SocketAddress{*address, target.port};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(target.host.c_str(), nullptr, &hints, &found); error != 0) {
    std::fprintf(stderr, "postern-load: %s: %s\n", target.host.c_str(), ::gai_strerror(error));
    return std::nullopt;
  }
  auto address = SocketAddress::from_sockaddr(found->ai_addr);
  ::freeaddrinfo(found);
  if (address) address->port = target.port;
  return address;
}

// Signals are for Run; a peer that closes is an error code.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

int run(const Options& options) {
  if (const std::string why = ring::explain_ring_support(); !why.empty())
    return std::fprintf(stderr, "postern-load: %s\n", why.c_str()), EX_UNAVAILABLE;
  if (options.cpu)
    if (const auto pinned = shard::pin_to_cpu(*options.cpu); !pinned)
      return std::fprintf(stderr, "postern-load: --cpu %u: %s\n", *options.cpu, describe(pinned.error()).c_str()), EX_USAGE;

  Destination destination{.path = options.target.path, .source = options.source, .proxy = options.proxy};
  if (options.proxy_from) destination.proxy_from = *options.proxy_from;
  if (destination.path.empty()) {
    const auto address = resolve(options.target);
    if (!address) return EX_NOHOST;
    destination.address = *address;
    if (options.source && options.source->is_v6() != address->address.is_v6())
      return std::fputs("postern-load: --source is an address of another family than the target's\n", stderr), EX_USAGE;
  }

  const std::size_t files = options.connections + kDescriptorsBeside;
  if (const std::size_t available = privilege::raise_open_files(files); available < files)
    return std::fprintf(stderr, "postern-load: %u connections want %zu open files, and %zu are allowed (ulimit -n)\n",
                        options.connections, files, available),
           EX_USAGE;
  block_signals();
  const Script script{.envelope = Envelope(options.sender, options.recipient, options.recipients),
                      .messages = Messages(options.sizes),
                      .helo = options.helo,
                      .pipeline = options.pipeline,
                      .bdat = options.bdat,
                      .per_connection = options.per_connection,
                      .quit = options.quit};
  auto runtime = transport::Runtime::create({.connections_max = options.connections});
  if (!runtime)
    return std::fprintf(stderr, "postern-load: cannot set up io_uring: %s\n", describe(runtime.error()).c_str()),
           EX_UNAVAILABLE;
  Run load(options, script, std::move(destination), **runtime);
  (*runtime)->loop().run(load.play());
  const Outcome& outcome = load.outcome();
  if (!options.quiet && ::isatty(STDERR_FILENO) == 1) std::fputc('\n', stderr);
  std::fputs((options.json ? report_json(options, outcome) : report_text(options, outcome)).c_str(), stdout);
  return outcome.total.accepted + outcome.slow.accepted > 0 ? EX_OK : 1;
}

}  // namespace
}  // namespace postern::load

int main(int argc, char** argv) {
  using namespace postern;
  const auto options =
      load::parse_options(std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
  if (!options) {
    std::fprintf(stderr, "postern-load: %s\n", options.error().c_str());
    return EX_USAGE;
  }
  if (options->help) return std::fputs(load::kUsage, stdout), EX_OK;
  if (options->version) return std::printf("postern-load %.*s\n", static_cast<int>(kVersion.size()), kVersion.data()), EX_OK;
  return load::run(*options);
}
