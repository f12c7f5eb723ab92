// Asking large lists: the time must not grow with the list beyond what the caches of the processor make of it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"

namespace {

using namespace postern;
using expand::ConfigTextForTest;

// Every second subject is in the list.
void BM_DomainListMatches(benchmark::State& state) {
  expand::MemoryFileSource files;
  std::string file;
  for (std::int64_t i = 0; i < state.range(0); ++i) file += "host" + std::to_string(i * 7919) + ".example.org\n";
  files.put("/domains", file);
  expand::Diagnostics diagnostics;
  lists::ListCompiler compiler({.primary_hostname = "mx.example.org", .files = &files}, diagnostics);
  const auto list = compiler.domains(ConfigTextForTest::line("*.a.example : !no.example : /domains"), "domains");
  std::vector<std::string> subjects;
  for (std::int64_t i = 0; i < 512; ++i)
    subjects.push_back("Host" + std::to_string(i % 2 + (i * 131 % state.range(0)) * 7919) + ".example.org");
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(list.matches(subjects[next++ % subjects.size()]));
}
BENCHMARK(BM_DomainListMatches)->Arg(10)->Arg(1000)->Arg(100'000);

void BM_HostListMatches(benchmark::State& state) {
  expand::MemoryFileSource files;
  std::string file;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    file += IpAddress::v4(static_cast<std::uint32_t>(i * 40'009)).to_string() + (i % 2 == 0 ? "/28\n" : "\n");
  files.put("/hosts", file);
  expand::Diagnostics diagnostics;
  lists::ListCompiler compiler({.primary_hostname = "mx.example.org", .files = &files}, diagnostics);
  const auto list = compiler.hosts(ConfigTextForTest::line("!192.0.2.1 : /hosts"), "hosts");
  std::uint32_t next = 1;
  for (auto _ : state) {
    next = next * 2'654'435'761U + 12'345U;
    benchmark::DoNotOptimize(list.matches(IpAddress::v4(next)));
  }
}
BENCHMARK(BM_HostListMatches)->Arg(10)->Arg(1000)->Arg(100'000);

}  // namespace
