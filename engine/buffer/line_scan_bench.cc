#include "engine/buffer/line_scan.h"

#include <benchmark/benchmark.h>

#include <string>

namespace postern {
namespace {

// Lines of `line_bytes` and their CR LF, 16 KiB of them: one large receive buffer.
std::string make_text(std::size_t line_bytes) {
  std::string text;
  while (text.size() < 16384) text += std::string(line_bytes, 'x') + "\r\n";
  text.resize(16384);
  return text;
}

void scan_text(benchmark::State& state, ScanKernel kernel) {
  if (!is_available(kernel)) return state.SkipWithError("this CPU cannot run the kernel");
  const std::string text = make_text(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    LineScan scan;
    benchmark::DoNotOptimize(scan_lines_with(kernel, scan, text, ScanStop::bare_or_dot));
    benchmark::DoNotOptimize(scan);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(scan_text, plain, ScanKernel::plain)->Arg(76);
BENCHMARK_CAPTURE(scan_text, baseline, ScanKernel::baseline)->Arg(10)->Arg(76)->Arg(998);
BENCHMARK_CAPTURE(scan_text, avx2, ScanKernel::avx2)->Arg(10)->Arg(76)->Arg(998);

}  // namespace
}  // namespace postern
