// Command lines: against a plain reading of the same bytes, and the same verdict from every prefix that holds enough.
#include <string>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/command.h"
#include "engine/smtp/fuzz_testing.h"

namespace {

using namespace postern::smtp;

// The definition, byte by byte.
LineStep plain_line(std::string_view input, std::size_t line_bytes_max, LineEnds ends) {
  LineStep step;
  for (std::size_t at = 0; at < line_bytes_max; ++at) {
    step.line = input.substr(0, at);
    if (at == input.size()) return step;
    if (input[at] == '\r') {
      if (at + 1 == line_bytes_max) break;
      if (at + 1 == input.size()) {
        step.line = input;
        return step;
      }
      const bool is_end = input[at + 1] == '\n';
      step.status = is_end ? ParseStatus::complete : ParseStatus::bad_line_end;
      step.consumed = at + (is_end ? 2 : 1);
      return step;
    }
    if (input[at] == '\n') {
      step.ended_bare = ends == LineEnds::bare_lf_ends_line;
      step.status = step.ended_bare ? ParseStatus::complete : ParseStatus::bad_line_end;
      step.consumed = at + 1;
      return step;
    }
    step.has_nul |= input[at] == '\0';
    step.has_8bit |= static_cast<unsigned char>(input[at]) > 127;
  }
  step.status = ParseStatus::too_long;
  step.consumed = line_bytes_max;
  if (input[step.consumed - 1] == '\r') --step.consumed;
  step.line = input.substr(0, line_bytes_max);
  return step;
}

void check_same(const LineStep& a, const LineStep& b) {
  POSTERN_CHECK(a.status == b.status);
  POSTERN_CHECK(a.consumed == b.consumed);
  POSTERN_CHECK(a.line == b.line);
  POSTERN_CHECK(a.has_nul == b.has_nul);
  POSTERN_CHECK(a.has_8bit == b.has_8bit);
  POSTERN_CHECK(a.ended_bare == b.ended_bare);
}

void check_command(const ParseStep& step) {
  const Command& command = step.command;
  POSTERN_CHECK(command.verb == verb_from(command.word));
  POSTERN_CHECK(command.args == trim_blanks(command.args));
  POSTERN_CHECK(command.word.find_first_of(" \t\r\n") == command.word.npos);
  POSTERN_CHECK(command.args.find('\n') == command.args.npos && command.args.find('\r') == command.args.npos);
  POSTERN_CHECK((command.verb == Verb::unknown) == (to_string(command.verb) == "unknown"));
  for (const std::string_view keyword : {"FROM:", "TO:"}) {
    const auto behind = behind_keyword(command.args, keyword);
    POSTERN_CHECK(!behind || behind->size() + keyword.size() <= command.args.size());
  }
}

std::size_t skip_line(std::string_view text, LineEnds ends, std::uint8_t seed) {
  LineSkipper skipper(ends);
  std::size_t consumed = 0;
  for (testing::Cuts cuts(text, seed); !cuts.empty();) {
    const LineSkipper::Step step = skipper.skip(cuts.next());
    consumed += step.consumed;
    if (step.done) break;
  }
  return consumed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  const LineEnds ends = (input.choice() & 1) != 0 ? LineEnds::bare_lf_ends_line : LineEnds::strict;
  const std::size_t line_bytes_max = std::size_t{2} + input.choice();
  const std::uint8_t seed = input.choice();
  std::string_view rest = input.rest();
  for (;;) {
    // A copy of exactly the bytes, so that a look beyond them is caught.
    const std::string owned(rest.substr(0, 2 * line_bytes_max));
    const LineStep line = parse_line(owned, line_bytes_max, ends);
    check_same(line, plain_line(owned, line_bytes_max, ends));
    const ParseStep step = parse_command(owned, line_bytes_max, ends);
    POSTERN_CHECK(step.status == line.status && step.consumed == line.consumed && step.line == line.line);
    if (step.status == ParseStatus::need_more) break;
    POSTERN_CHECK(step.consumed > 0 && step.consumed <= owned.size());
    if (step.status == ParseStatus::complete) {
      check_command(step);
      for (std::size_t cut = 0; cut < step.consumed; ++cut)
        POSTERN_CHECK(parse_line(std::string_view(owned).substr(0, cut), line_bytes_max, ends).status ==
                      ParseStatus::need_more);
    }
    rest.remove_prefix(step.consumed);
    if (step.status == ParseStatus::complete) continue;
    const std::size_t skipped = skip_line(rest, ends, seed);
    POSTERN_CHECK(skipped == skip_line(rest, ends, 0));
    rest.remove_prefix(skipped);
  }
  return 0;
}
