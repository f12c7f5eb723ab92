// BDAT: the argument, and the same message from every way of cutting it into chunks and of cutting the chunks.
#include <string>

#include "engine/base/check.h"
#include "engine/smtp/bdat_reader.h"
#include "engine/smtp/body_testing.h"
#include "engine/smtp/fuzz_testing.h"

namespace {

using namespace postern::smtp;

struct Outcome {
  testing::BodyRun run;
  bool refused;
  bool was_completed;
  BodyStats stats;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void read_chunk(BdatReader& reader, std::string_view chunk, bool is_last, std::uint8_t piece_seed, testing::BodyRun& run) {
  const std::size_t consumed_before = run.consumed;
  reader.begin_chunk({BdatSyntax::ok, is_last, chunk.size()});
  run.is_complete = false;
  const std::string wire = std::string(chunk) + "\r\n.\r\n";  // commands behind it, not to be touched
  for (testing::Cuts cuts(wire, piece_seed); !run.is_complete;) feed(reader, cuts.next(), run);
  POSTERN_CHECK(run.consumed - consumed_before == chunk.size());
  POSTERN_CHECK(reader.chunk_bytes_left() == 0 && reader.is_message_complete() == is_last);
}

Outcome read_message(BareNewline policy, std::string_view text, std::uint8_t chunk_seed, std::uint8_t piece_seed) {
  BdatReader reader(policy);
  testing::BodyRun run;
  testing::Cuts chunks(text, chunk_seed);
  do {
    const std::string_view chunk = chunks.next();
    read_chunk(reader, chunk, chunks.empty(), piece_seed, run);
  } while (!reader.is_message_complete());
  return {run, reader.refused(), reader.was_completed(), reader.stats()};
}

std::string normalised(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_pair = text.substr(at).starts_with("\r\n");
    if (is_pair || text[at] == '\r' || text[at] == '\n') {
      out += "\r\n";
      at += is_pair ? 1 : 0;
    } else {
      out += text[at];
    }
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  const std::uint8_t chunk_seed = input.choice();
  const std::uint8_t piece_seed = input.choice();
  const std::string text(input.rest());
  const BdatCommand command = parse_bdat(text);
  POSTERN_CHECK(command.syntax == BdatSyntax::ok || !command.is_last || command.syntax == BdatSyntax::bad_argument);
  for (const BareNewline policy : {BareNewline::reject, BareNewline::normalise}) {
    const Outcome whole = read_message(policy, text, 0, 0);
    POSTERN_CHECK(read_message(policy, text, chunk_seed, piece_seed) == whole);
    POSTERN_CHECK(read_message(policy, text, 1, 1) == whole);
    POSTERN_CHECK(whole.stats.stored_bytes == whole.run.stored.size());
    POSTERN_CHECK(whole.stats.wire_bytes == text.size());
    const bool has_bare = whole.stats.bare_cr + whole.stats.bare_lf > 0;
    POSTERN_CHECK(whole.refused == (has_bare && policy == BareNewline::reject));
    if (!whole.refused) POSTERN_CHECK(whole.run.stored == normalised(text));
  }
  return 0;
}
