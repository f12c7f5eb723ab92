#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/crc32c.h"
#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"

namespace postern {
namespace {

void crc32c_sum(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(0, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c_sum)->Arg(64)->Arg(2048)->Arg(65536);

void crc32c_with_copy(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  std::vector<std::byte> to(bytes.size());
  for (auto _ : state) benchmark::DoNotOptimize(crc32c_copy(0, to.data(), bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c_with_copy)->Arg(64)->Arg(2048)->Arg(65536);

void crc32c_by_table(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c_portable(0, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c_by_table)->Arg(2048);

void parse_address(benchmark::State& state, const char* text) {
  for (auto _ : state) benchmark::DoNotOptimize(IpAddress::parse(text));
}
BENCHMARK_CAPTURE(parse_address, v4, "192.0.2.123");
BENCHMARK_CAPTURE(parse_address, v6, "2001:db8:85a3::8a2e:370:7334");

void network_contains(benchmark::State& state) {
  const IpNetwork network = *IpNetwork::parse("2001:db8::/33");
  const IpAddress address = *IpAddress::parse("2001:db8::1");
  for (auto _ : state) benchmark::DoNotOptimize(network.contains(address));
}
BENCHMARK(network_contains);

void print_peer_text(benchmark::State& state, const char* text) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_printable(out, text);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK_CAPTURE(print_peer_text, ascii, "mail-wr1-f45.example.com");
BENCHMARK_CAPTURE(print_peer_text, utf8,
                  "gr\xc3\xbc\xc3\x9f@b\xc3\xbc"
                  "cher.example");

void arena_envelope(benchmark::State& state) {
  Arena arena;
  for (auto _ : state) {
    for (int i = 0; i < 8; ++i) benchmark::DoNotOptimize(arena.copy("somebody@somewhere.example.com"));
    arena.clear();
  }
}
BENCHMARK(arena_envelope);

}  // namespace
}  // namespace postern
