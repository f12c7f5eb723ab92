// What a message's text costs between socket and store, without the one copy into the commit batch.
#include "engine/smtp/data_reader.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "engine/smtp/bdat_reader.h"

namespace postern::smtp {
namespace {

constexpr std::size_t kReceiveBytes = 16384;  // a large receive buffer

std::string make_text(std::string_view line, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    text += line;
    text += "\r\n";
  }
  return text;
}

template <class Reader>
void read_all(Reader& reader, std::string_view wire) {
  while (!wire.empty()) {
    std::string_view input = wire.substr(0, kReceiveBytes);
    wire.remove_prefix(input.size());
    BodyStep step;
    do {
      step = reader.step(input);
      benchmark::DoNotOptimize(step);
      input.remove_prefix(step.consumed);
    } while (step.status == BodyStatus::more);
  }
}

void read_data(benchmark::State& state, std::string_view line) {
  const std::string wire = make_text(line, static_cast<std::size_t>(state.range(0))) + ".\r\n";
  for (auto _ : state) {
    DataReader reader(BareNewline::reject);
    read_all(reader, wire);
    benchmark::DoNotOptimize(reader.stats());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}
constexpr std::string_view kTextLine = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod temp";
BENCHMARK_CAPTURE(read_data, text, kTextLine)->Arg(2048)->Arg(51200)->Arg(1 << 20);
BENCHMARK_CAPTURE(read_data, short_lines, std::string_view("short"))->Arg(51200);
BENCHMARK_CAPTURE(read_data, only_dots, std::string_view(".."))->Arg(51200);

void read_bdat(benchmark::State& state) {
  const std::string wire = make_text(kTextLine, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    BdatReader reader(BareNewline::reject);
    reader.begin_chunk({BdatSyntax::ok, true, wire.size()});
    read_all(reader, wire);
    benchmark::DoNotOptimize(reader.stats());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}
BENCHMARK(read_bdat)->Arg(51200);

// The dearest text there is: every byte a bare newline, mended.
void mend_bare_newlines(benchmark::State& state) {
  const std::string wire = std::string(51200, '\n') + "\r\n.\r\n";
  for (auto _ : state) {
    DataReader reader(BareNewline::normalise);
    read_all(reader, wire);
    benchmark::DoNotOptimize(reader.stats());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}
BENCHMARK(mend_bare_newlines);

}  // namespace
}  // namespace postern::smtp
