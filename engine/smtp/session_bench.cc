// The session's own time for a message: parsing, replies, envelope, hand-over to the sink. No system calls, no policy.
#include <benchmark/benchmark.h>

#include "engine/smtp/session_load_testing.h"

namespace postern::smtp {
namespace {

void pipelined(benchmark::State& state) {
  SessionLoad load(static_cast<std::size_t>(state.range(0)));
  const std::size_t before = load.hooks().committed();
  for (auto _ : state) load.send_message();
  if (load.hooks().committed() != before + static_cast<std::size_t>(state.iterations())) state.SkipWithError("messages lost");
}
BENCHMARK(pipelined)->Arg(1024)->Arg(2048)->Arg(50 * 1024);

void not_pipelined(benchmark::State& state) {
  SessionLoad load(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) load.send_message_slowly();
}
BENCHMARK(not_pipelined)->Arg(2048);

}  // namespace
}  // namespace postern::smtp
