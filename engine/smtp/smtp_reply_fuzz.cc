// Replies: what we write is one reply whatever its text, and what we read is the same from every cutting.
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/fuzz_testing.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/reply_parser.h"

namespace {

using namespace postern::smtp;

struct Outcome {
  ReplyStatus status = ReplyStatus::need_more;
  std::size_t consumed = 0;
  int code = 0;
  std::string text;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read_cut(const ReplyRules& rules, std::string_view wire, std::uint8_t seed) {
  ReplyParser parser(rules);
  Outcome outcome;
  for (testing::Cuts cuts(wire, seed); !cuts.empty() && outcome.status == ReplyStatus::need_more;) {
    const std::string owned(cuts.next());
    const ReplyParser::Step step = parser.feed(owned);
    POSTERN_CHECK(step.consumed <= owned.size());
    outcome.status = step.status;
    outcome.consumed += step.consumed;
  }
  POSTERN_CHECK(parser.text().size() <= rules.limits.text_bytes_max + rules.limits.lines_max);
  // How much was taken up to a failure depends on the pieces.
  if (outcome.status == ReplyStatus::malformed || outcome.status == ReplyStatus::too_long) return {.status = outcome.status};
  outcome.code = parser.code();
  outcome.text = parser.text();
  return outcome;
}

void check_reading(std::string_view wire, std::uint8_t seed) {
  for (const bool allow_bare_lf : {false, true}) {
    const ReplyRules rules{.allow_bare_lf = allow_bare_lf,
                           .limits = {.line_bytes_max = 40, .lines_max = 4, .text_bytes_max = 100}};
    const Outcome whole = read_cut(rules, wire, 0);
    POSTERN_CHECK(read_cut(rules, wire, seed) == whole);
    POSTERN_CHECK(read_cut(rules, wire, 1) == whole);
  }
}

void check_writing(std::string_view text, std::uint8_t seed, bool allow_utf8) {
  const Reply reply{550, {5, 7, static_cast<std::uint16_t>(seed)}, text};
  const ReplyFormat format{.enhanced_codes = (seed & 1) != 0, .allow_utf8 = allow_utf8};
  std::string wire;
  append_reply(wire, reply, format);
  std::vector<char> buffer(wire.size());
  POSTERN_CHECK(write_reply(buffer, reply, format) == wire.size());
  POSTERN_CHECK(std::string_view(buffer.data(), buffer.size()) == wire);
  for (const char c : wire) POSTERN_CHECK(c == '\r' || c == '\n' || !is(CharClass::control, c));
  const ReplyRules rules{.limits = {.line_bytes_max = kReplyLineBytesMax - 2}};
  const Outcome outcome = read_cut(rules, wire, seed);
  POSTERN_CHECK(outcome.status == ReplyStatus::complete && outcome.consumed == wire.size() && outcome.code == 550);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  const std::uint8_t seed = input.choice();
  check_reading(input.rest(), seed);
  check_writing(input.rest(), seed, (seed & 2) != 0);
  return 0;
}
