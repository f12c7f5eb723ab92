// The one place that decides what ends a line, for commands, DATA and BDAT alike (RFC 5321 sections 2.3.8 and 4.1.1.4): CR LF
// and nothing else. A CR without LF, or a LF without CR, is bare. Two programs that disagree on bare newlines can be made to
// see two different mails in one stream, so a bare newline has one meaning here, chosen by the site: it is refused, or it is
// written as CR LF where it stands. It never ends the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/buffer/line_scan.h"

namespace postern::smtp {

// In commands (parse_command, LineSkipper).
enum class LineEnds : std::uint8_t {
  strict,             // CR LF; anything bare is an error
  bare_lf_ends_line,  // a bare LF too; a bare CR stays an error
};

// In message text (DataReader, BdatReader).
enum class BareNewline : std::uint8_t {
  reject,     // the message is lost; the reader goes on to the real end of the data, so that it can be answered there
  normalise,  // stored as CR LF
};

enum class BodyStatus : std::uint8_t {
  need_more,  // the input is used up
  more,       // call again with the rest of the input
  complete,   // the data, or the chunk, ends here; the rest of the input is commands
};

// What to do with the input of one step: store its first `keep_bytes` bytes, then `literal` (static storage; "", a line end or
// a part of one), and go on behind its first `consumed` bytes. A step may consume nothing and still move on.
struct BodyStep {
  BodyStatus status = BodyStatus::need_more;
  std::size_t consumed = 0;
  std::size_t keep_bytes = 0;  // at most `consumed`
  std::string_view literal;
};

// What is known of a message's text. `stored` means after dots were taken out and bare newlines mended; lines and flags are
// counted while text is kept.
struct BodyStats {
  std::uint64_t wire_bytes = 0;      // everything consumed, the end mark included
  std::uint64_t stored_bytes = 0;    // what the steps said to store
  std::uint64_t lines = 0;           // stored, ended
  std::uint64_t line_bytes_max = 0;  // the longest ended stored line, its line end not counted
  std::uint64_t bare_cr = 0;         // when refusing, only the first bare newline is counted
  std::uint64_t bare_lf = 0;         //
  std::uint64_t first_bare_at = 0;   // offset on the wire, where there is one
  bool has_8bit = false;
  bool has_nul = false;

  friend bool operator==(const BodyStats&, const BodyStats&) = default;
};

// The line ends of one message's text: what DataReader and BdatReader have in common. Does no I/O and copies nothing.
class BodyLines {
 public:
  explicit BodyLines(BareNewline policy) noexcept : policy_(policy) {}

  // Takes text up to the end of the input, to a bare newline, or (with `stop_at_dots`) to a dot at the start of a line;
  // at_dot() is true in the last case, and the status is then `more`.
  [[nodiscard]] BodyStep take(std::string_view input, bool stop_at_dots) noexcept;
  [[nodiscard]] bool at_dot() const noexcept { return at_dot_; }

  // The wire had bytes that are not text (a dot, the end mark).
  void skip_wire(std::size_t bytes) noexcept { wire_bytes_ += bytes; }
  // The text goes on behind a dot that was taken out: the line has begun.
  void leave_line_start() noexcept { scan_.at_line_start = false; }
  // The byte consumed last was a CR that take() has not seen, and no LF follows: an empty line that ends in a bare CR. Returns
  // what to store for it.
  [[nodiscard]] std::string_view empty_line_with_bare_cr() noexcept;
  // No more text comes. Returns what is to be stored so that the text ends with CR LF; nothing when it is empty or does.
  [[nodiscard]] std::string_view finish() noexcept;

  // From here on nothing is kept; only the end of the data matters.
  void discard() noexcept { discarding_ = true; }
  [[nodiscard]] bool discarding() const noexcept { return discarding_; }
  // A bare newline was met and the policy refuses it.
  [[nodiscard]] bool refused() const noexcept { return policy_ == BareNewline::reject && bare_cr_ + bare_lf_ > 0; }
  [[nodiscard]] BodyStats stats() const noexcept;

 private:
  void note_bare(std::uint64_t& counter, std::uint64_t at) noexcept;
  void end_line(std::uint64_t line_bytes) noexcept;
  [[nodiscard]] std::string_view store(std::string_view literal) noexcept;
  [[nodiscard]] BodyStep mend_bare_cr(std::size_t clean) noexcept;
  [[nodiscard]] BodyStep mend_bare_lf(std::size_t clean) noexcept;

  LineScan scan_;
  std::uint64_t wire_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t bare_cr_ = 0;
  std::uint64_t bare_lf_ = 0;
  std::uint64_t first_bare_at_ = 0;
  BareNewline policy_;
  bool discarding_ = false;
  bool at_dot_ = false;
  bool stopped_ = false;  // the last scan did: where there is one stop, the next is often near
};

}  // namespace postern::smtp
