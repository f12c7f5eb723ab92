// DATA: the same from every cutting, the same from every scan kernel, and what a plain reading of the whole wire makes of it.
#include <string>

#include "engine/base/check.h"
#include "engine/smtp/body_testing.h"
#include "engine/smtp/data_reader.h"
#include "engine/smtp/fuzz_testing.h"

namespace {

using namespace postern;
using namespace postern::smtp;

struct Outcome {
  testing::BodyRun run;
  bool refused;
  BodyStats stats;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read_cut(BareNewline policy, std::string_view wire, std::uint8_t seed) {
  DataReader reader(policy);
  testing::BodyRun run;
  for (testing::Cuts cuts(wire, seed); !cuts.empty() && !run.is_complete;) feed(reader, cuts.next(), run);
  return {run, reader.refused(), reader.stats()};
}

void check_kernels(std::string_view wire) {
  for (const ScanStop stop : {ScanStop::bare, ScanStop::bare_or_dot, ScanStop::dot}) {
    LineScan expected;
    const std::size_t at = scan_lines_with(ScanKernel::plain, expected, wire, stop);
    for (const ScanKernel kernel : {ScanKernel::baseline, ScanKernel::avx2}) {
      if (!is_available(kernel)) continue;
      LineScan scan;
      POSTERN_CHECK(scan_lines_with(kernel, scan, wire, stop) == at);
      POSTERN_CHECK(scan == expected);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  const std::uint8_t seed = input.choice();
  const std::string wire(input.rest());
  check_kernels(wire);
  const testing::ExpectedData expected = testing::expect_data(wire);
  for (const BareNewline policy : {BareNewline::reject, BareNewline::normalise}) {
    const Outcome whole = read_cut(policy, wire, 0);
    POSTERN_CHECK(read_cut(policy, wire, seed) == whole);
    POSTERN_CHECK(read_cut(policy, wire, 1) == whole);
    POSTERN_CHECK(whole.run.is_complete == expected.is_complete);
    POSTERN_CHECK(whole.stats.stored_bytes == whole.run.stored.size());
    POSTERN_CHECK(whole.stats.wire_bytes == whole.run.consumed);
    if (!whole.run.is_complete) continue;
    POSTERN_CHECK(whole.run.consumed == expected.consumed);
    POSTERN_CHECK(whole.refused == (policy == BareNewline::reject && expected.has_bare));
    if (policy == BareNewline::normalise) POSTERN_CHECK(whole.run.stored == expected.normalised);
    if (policy == BareNewline::reject && !expected.has_bare) POSTERN_CHECK(whole.run.stored == expected.until_bare);
    POSTERN_CHECK(whole.refused || whole.run.stored.empty() || whole.run.stored.ends_with("\r\n"));
  }
  return 0;
}
