// A server that says anything, in two pieces or byte by byte: the dialogue comes to the same end, and every message it began is
// accounted for.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bench/load/dialogue_testing.h"
#include "engine/base/check.h"

using namespace postern;
using namespace postern::load;

namespace {

void check_account(TestDialogue& test) {
  test.dialogue.cut_off();
  const Counts& counts = test.figures.counts;
  POSTERN_CHECK(counts.begun == counts.ended());
  POSTERN_CHECK(counts.accepted == test.figures.latencies.final_reply.count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const TestScript script{.recipients = 1U + (data[0] >> 4 & 1U),
                          .pipeline = std::size_t{data[0]} & 3U,
                          .bdat = (data[0] & 4U) != 0,
                          .per_connection = std::uint64_t{data[0]} >> 6,
                          .quit = (data[0] & 8U) == 0};
  const std::string_view server(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = data[1] % (server.size() + 1);
  TestDialogue halves(20, script);
  const std::string said = halves.says(server.substr(0, cut)) + halves.says(server.substr(cut));
  TestDialogue bytes(20, script);
  std::string said_to_bytes;
  for (std::size_t i = 0; i < server.size(); ++i) said_to_bytes += bytes.says(server.substr(i, 1));
  POSTERN_CHECK(said == said_to_bytes);
  check_account(halves);
  check_account(bytes);
  POSTERN_CHECK(halves.figures.counts.accepted == bytes.figures.counts.accepted);
  return 0;
}
