// For tests and fuzz targets of the message text readers: a way to run one over any cutting of its input, and what DATA must
// make of it, said in another way.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/smtp/line_ends.h"

namespace postern::smtp::testing {

struct BodyRun {
  std::string stored;
  bool is_complete = false;
  std::size_t consumed = 0;

  friend bool operator==(const BodyRun&, const BodyRun&) = default;
};

// Feeds `input` as one piece. The input lies in a buffer of its own, so that a reader that kept a view into it, or looked
// beyond its end, is caught by the sanitizer.
template <class Reader>
void feed(Reader& reader, std::string_view input, BodyRun& run) {
  const std::string owned(input);
  std::string_view rest = owned;
  BodyStep step;
  do {
    step = reader.step(rest);
    POSTERN_CHECK(step.keep_bytes <= step.consumed && step.consumed <= rest.size());
    run.stored += rest.substr(0, step.keep_bytes);
    run.stored += step.literal;
    run.consumed += step.consumed;
    rest.remove_prefix(step.consumed);
  } while (step.status == BodyStatus::more);
  POSTERN_CHECK(step.status == BodyStatus::complete || rest.empty());
  run.is_complete = step.status == BodyStatus::complete;
}

// What DATA makes of `wire`, told from the whole of it: lines are what lies between CR LFs; the first line that is one dot ends
// the data; other lines lose a first dot; then every CR and LF left inside a line is a bare one. Meaningful only when the end
// is in `wire`.
struct ExpectedData {
  std::string normalised;
  std::string until_bare;  // what is kept when bare newlines are refused, but for a bare CR itself
  bool has_bare = false;
  bool is_complete = false;
  std::size_t consumed = 0;
};

inline void mend_line(std::string_view line, ExpectedData& expected) {
  for (const char c : line) {
    const bool is_bare = c == '\r' || c == '\n';
    if (is_bare) expected.has_bare = true;
    if (!expected.has_bare) expected.until_bare += c;
    expected.normalised += is_bare ? "\r\n" : std::string(1, c);
  }
}

inline ExpectedData expect_data(std::string_view wire) {
  ExpectedData expected;
  std::size_t at = 0;
  for (std::size_t end = wire.find("\r\n"); end != wire.npos; end = wire.find("\r\n", at)) {
    std::string_view line = wire.substr(at, end - at);
    at = end + 2;
    if (line == ".") {
      expected.is_complete = true;
      break;
    }
    if (line.starts_with('.')) line.remove_prefix(1);
    mend_line(line, expected);
    expected.normalised += "\r\n";
    if (!expected.has_bare) expected.until_bare += "\r\n";
  }
  expected.consumed = at;
  return expected;
}

}  // namespace postern::smtp::testing
