// Command lines, RFC 5321 sections 2.3.8, 4.1.1 and 4.5.3.1.4. Pure: no I/O, no state, nothing owned.
//
// Only CR LF ends a line (engine/smtp/line_ends.h). A bare CR or LF is reported with the place it stood at, for the session to
// refuse. It must then skip to the real end of the line (LineSkipper), so that what follows the bare newline is never read as a
// command of its own: peers that disagree on line ends can smuggle mail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/smtp/line_ends.h"

namespace postern::smtp {

enum class Verb : std::uint8_t {
  unknown,
  ehlo,      // RFC 5321
  helo,      //
  mail,      //
  rcpt,      //
  data,      //
  rset,      //
  noop,      //
  vrfy,      //
  expn,      //
  help,      //
  quit,      //
  lhlo,      // RFC 2033
  bdat,      // RFC 3030
  etrn,      // RFC 1985
  starttls,  // RFC 3207
  auth,      // RFC 4954
  xclient,   // Postfix XCLIENT_README
};

// "EHLO"; for unknown, "unknown".
[[nodiscard]] std::string_view to_string(Verb verb) noexcept;
// The verb for a word, in any case.
[[nodiscard]] Verb verb_from(std::string_view word) noexcept;
// False for the verbs whose syntax has no argument: DATA, RSET, QUIT, STARTTLS.
[[nodiscard]] bool takes_argument(Verb verb) noexcept;

enum class ParseStatus : std::uint8_t {
  complete,
  need_more,     // no line end yet; a CR at the end of the input is not bare before the next byte is known
  bad_line_end,  // a bare CR or LF; `consumed` ends behind it
  too_long,      // the limit is reached without a line end; LineSkipper finds the end from `consumed` on
};

// One line, without a meaning: for what follows AUTH, and the base of parse_command().
struct LineStep {
  ParseStatus status = ParseStatus::need_more;
  std::size_t consumed = 0;  // bytes; 0 while more is needed
  std::string_view line;     // borrowed from the input, without its line end; as far as it was read unless complete
  bool has_nul = false;      // in `line`
  bool has_8bit = false;     //
  bool ended_bare = false;   // complete, with a bare LF
};

// `line_bytes_max` counts the line end and is at least 2.
[[nodiscard]] LineStep parse_line(std::string_view input, std::size_t line_bytes_max,
                                  LineEnds ends = LineEnds::strict) noexcept;

struct Command {
  Verb verb = Verb::unknown;
  std::string_view word;  // the verb as it was sent
  std::string_view args;  // without blanks at its ends
};

// Views are borrowed from the input: they die when the caller gives those bytes up.
struct ParseStep {
  ParseStatus status = ParseStatus::need_more;
  std::size_t consumed = 0;  // as in LineStep
  Command command;           // meaningful only when complete
  std::string_view line;     // as in LineStep, for the log
  bool has_nul = false;
  bool has_8bit = false;
  bool ended_bare = false;
};

[[nodiscard]] ParseStep parse_command(std::string_view input, std::size_t line_bytes_max,
                                      LineEnds ends = LineEnds::strict) noexcept;

// The path and parameters of "MAIL FROM:<path> parameters": `args` behind `keyword` ("FROM:", "TO:", any case), without the
// blanks that some clients put there. Nothing when another word stands in its place.
[[nodiscard]] std::optional<std::string_view> behind_keyword(std::string_view args, std::string_view keyword) noexcept;

// Finds the end of a line that nobody wants: one too long, or one with a bare newline in it.
class LineSkipper {
 public:
  explicit LineSkipper(LineEnds ends = LineEnds::strict) noexcept : ends_(ends) {}

  struct Step {
    bool done = false;         // the line end is the last thing consumed
    std::size_t consumed = 0;  // the whole input unless done
  };
  [[nodiscard]] Step skip(std::string_view input) noexcept;

 private:
  LineEnds ends_;
  bool after_cr_ = false;
};

}  // namespace postern::smtp
