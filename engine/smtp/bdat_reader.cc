#include "engine/smtp/bdat_reader.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {

BdatCommand parse_bdat(std::string_view args) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  args = trim_blanks(args);
  const std::size_t digits = run_length(CharClass::digit, args);
  if (digits == 0) return {};
  BdatCommand command;
  for (const char c : args.substr(0, digits)) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (command.chunk_bytes > (kMax - digit) / 10) return {BdatSyntax::too_large};
    command.chunk_bytes = command.chunk_bytes * 10 + digit;
  }
  const std::string_view rest = args.substr(digits);
  command.is_last = !rest.empty();
  if (command.is_last && !(is(CharClass::blank, rest.front()) && equal_ignoring_case(trim_blanks(rest), "LAST")))
    return {BdatSyntax::bad_argument};
  command.syntax = BdatSyntax::ok;
  return command;
}

void BdatReader::begin_chunk(const BdatCommand& command) noexcept {
  POSTERN_CHECK(command.syntax == BdatSyntax::ok && !in_chunk_ && !is_last_);
  left_ = command.chunk_bytes;
  is_last_ = command.is_last;
  in_chunk_ = true;
}

BodyStep BdatReader::step(std::string_view input) noexcept {
  if (!in_chunk_) return {BodyStatus::complete, 0, 0, {}};
  const std::string_view chunk = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
  const BodyStep step = lines_.take(chunk, false);
  left_ -= step.consumed;
  // A step with a literal of its own ends the chunk one call later, when there is room for the closing line end.
  return left_ == 0 && step.status == BodyStatus::need_more ? end_chunk(step) : step;
}

BodyStep BdatReader::end_chunk(BodyStep step) noexcept {
  in_chunk_ = false;
  if (is_last_) {
    step.literal = lines_.finish();
    was_completed_ = !step.literal.empty();
  }
  step.status = BodyStatus::complete;
  return step;
}

}  // namespace postern::smtp
