// DATA: message text up to CR LF . CR LF, RFC 5321 sections 4.1.1.4 and 4.5.2. The text is handed on as parts of the input with
// the stuffing dots left out; nothing is copied.
//
// What each sequence on the wire becomes. <> is the start of the data, which counts as the start of a line; x and y are text.
//
//   on the wire                     normalise stores      remark
//   CR LF . CR LF  (or <> . CR LF)  CR LF, end            the only end there is; the CR LF before the dot is text
//   CR LF . .                       CR LF .               a dot that starts a line is taken out when the line goes on
//   CR LF . x                       CR LF x               also when the peer forgot to stuff
//   x LF y                          x CR LF y             bare LF
//   x CR y                          x CR LF y             bare CR
//   x CR CR LF                      x CR LF CR LF         bare CR, then a line end
//   x LF CR LF                      x CR LF CR LF         bare LF, then a line end
//   x LF . CR LF                    x CR LF . CR LF       no line starts at the dot: it is text, stored as a line of one
//   x LF . LF                       x CR LF . CR LF       dot, and not the end. Whoever sends it on stuffs it, as it does
//   x CR . CR LF                    x CR LF . CR LF       every stored line that starts with a dot
//   x CR . CR y                     x CR LF . CR LF y
//   CR LF . LF                      CR LF CR LF           the dot starts a line that goes on (with a bare LF): taken out
//   CR LF . CR x                    CR LF CR LF x         likewise, with a bare CR
//   CR LF . CR CR LF                CR LF CR LF CR LF     likewise
//   CR CR LF . CR LF                CR LF CR LF, end      the wire does hold CR LF . CR LF
//   LF CR LF . CR LF                CR LF CR LF, end      likewise
//
// Dots are taken out, and the end is recognised, only behind a real CR LF of the wire, never behind a mended one. With `reject`
// the same bytes are consumed and the same end is found, but nothing is kept from the first bare newline on.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/smtp/line_ends.h"

namespace postern::smtp {

// One message; assign a fresh one for the next. Use:
//   BodyStep step;
//   do {
//     step = reader.step(input);
//     store input.substr(0, step.keep_bytes), then step.literal
//     input.remove_prefix(step.consumed);
//   } while (step.status == BodyStatus::more);
// With need_more the input is empty and the next bytes are awaited; with complete it holds what follows the data.
class DataReader {
 public:
  explicit DataReader(BareNewline policy) noexcept : lines_(policy) {}

  [[nodiscard]] BodyStep step(std::string_view input) noexcept;

  // The message is refused for a bare newline: answer 550 once the reader is complete.
  [[nodiscard]] bool refused() const noexcept { return lines_.refused(); }
  // For a message that is refused for another reason (its size): nothing more is kept, the end is still looked for.
  void discard() noexcept { lines_.discard(); }
  [[nodiscard]] BodyStats stats() const noexcept { return lines_.stats(); }

 private:
  enum class State : std::uint8_t {
    text,
    dot,     // behind a dot that started a line; it was consumed and not kept
    dot_cr,  // behind that dot and a CR, which was consumed and not kept either
    ended,
  };
  [[nodiscard]] BodyStep step_text(std::string_view input) noexcept;
  [[nodiscard]] BodyStep step_behind_dot(std::string_view input) noexcept;
  [[nodiscard]] BodyStep step_behind_dot_cr(std::string_view input) noexcept;
  [[nodiscard]] BodyStep end(std::size_t consumed) noexcept;

  BodyLines lines_;
  State state_ = State::text;
};

}  // namespace postern::smtp
